import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CHUNK = 65_536;

/** A file that an example's workers write objects to, a line each, by `outFile` and `mergeLogs`; it outlives them. */
export class JsonLines<T> implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "hf-lines-"));
  readonly file = join(this.#folder, "out");
  readonly #lines: T[] = [];
  #position = 0;
  #rest = "";

  /** All that is there now, in the order it was written. */
  get lines(): readonly T[] {
    this.#read();
    return this.#lines;
  }

  /** What has come since the last look. */
  #read(): void {
    if (!existsSync(this.file)) return;
    const buffer = Buffer.alloc(CHUNK);
    const file = openSync(this.file, "r");
    try {
      for (;;) {
        const bytes = readSync(file, buffer, 0, CHUNK, this.#position);
        if (bytes === 0) return;
        this.#position += bytes;
        const [rest = "", ...lines] = (this.#rest + buffer.toString("latin1", 0, bytes))
          .split("\n")
          .reverse();
        this.#rest = rest;
        for (const line of lines.reverse()) this.#lines.push(JSON.parse(line) as T);
      }
    } finally {
      closeSync(file);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

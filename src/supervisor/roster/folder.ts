/** A folder of small files that hold what they should: written when it changes, and again when somebody has deleted them. */

import { existsSync, mkdirSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { HoldfastError } from "../../errors.ts";
import { swapFile } from "../../system/atomic-file.ts";
import { namesIn } from "../../system/folder.ts";

const OWNER_ONLY = 0o700;
/** Deleted files are missed, and what could not be written is tried again, after this time. Milliseconds. */
const LOOK_EVERY_MS = 1000;

export class Folder {
  readonly #path: string;
  readonly #fault: (error: HoldfastError) => void;
  /** What each file should hold; null: it should not be there. */
  readonly #wanted = new Map<string, string | null>();
  /** Files that are not as they should be. */
  readonly #undone = new Set<string>();
  readonly #timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  #isTold = false;
  #isLeft = false;

  /** `fault` hears of a file that cannot be written, once until all are. */
  constructor(path: string, fault: (error: HoldfastError) => void) {
    this.#path = path;
    this.#fault = fault;
  }

  /** The file holds this text from now on. */
  put(name: string, text: string): void {
    if (this.#isLeft || (this.#wanted.get(name) === text && !this.#undone.has(name))) return;
    this.#want(name, text);
  }

  /** There is no such file from now on. */
  drop(name: string): void {
    if (!this.#isLeft) this.#want(name, null);
  }

  /** Every file is as it should be. */
  isWhole(): boolean {
    return this.#undone.size === 0;
  }

  /** All stays as it is: nothing is written or removed any more. */
  leave(): void {
    this.#isLeft = true;
    clearInterval(this.#timer);
  }

  /** Removes the folder with everything in it. */
  remove(): void {
    if (this.#isLeft) return;
    this.leave();
    for (const name of namesIn(this.#path)) attempt(() => unlinkSync(join(this.#path, name)));
    attempt(() => rmdirSync(this.#path));
  }

  #want(name: string, text: string | null): void {
    this.#wanted.set(name, text);
    this.#undone.add(name);
    this.#do(name);
  }

  #look(): void {
    for (const name of this.#wanted.keys()) {
      if (!existsSync(join(this.#path, name))) this.#undone.add(name);
    }
    for (const name of this.#undone) this.#do(name);
  }

  #do(name: string): void {
    const text = this.#wanted.get(name) ?? null;
    const path = join(this.#path, name);
    try {
      if (text === null) rmSync(path, { force: true });
      else {
        mkdirSync(this.#path, { recursive: true, mode: OWNER_ONLY });
        swapFile(path, text);
      }
      if (text === null) this.#wanted.delete(name);
      this.#undone.delete(name);
      if (this.#undone.size === 0) this.#isTold = false;
    } catch (error) {
      this.#tell(error as Error);
    }
  }

  #tell(cause: Error): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const details = { directory: this.#path, reason: cause.message };
    this.#fault(new HoldfastError("HF_ROSTER_UNWRITABLE", details, { cause }));
  }
}

function attempt(remove: () => void): void {
  try {
    remove();
  } catch {
    // Already gone, or not ours to remove: whoever reads it next decides.
  }
}

import type { ChildProcess } from "node:child_process";
import { EventEmitter, once } from "node:events";

/** How long a wait is patient unless told otherwise. */
export const WAIT_MS = 20_000;

/** A line of the supervisor's own log. */
export interface LogRecord {
  msg: string;
  [field: string]: unknown;
}

export interface ExitStatus {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface WaitOptions {
  timeoutMs?: number;
}

/** Resolves after the time, without keeping the process alive for it. */
export function after(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref());
}

/** Collects what a child says, line by line, and lets waits look again after each piece. */
export class Output {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly logs: LogRecord[] = [];
  readonly exited: Promise<ExitStatus>;
  readonly #news = new EventEmitter().setMaxListeners(0);
  readonly #title: string;
  #status: ExitStatus | undefined;

  constructor(child: ChildProcess, title: string) {
    this.#title = title;
    this.#collect(child.stdout, (line) => {
      this.stdout.push(line);
      const record = parseRecord(line);
      if (record) this.logs.push(record);
    });
    this.#collect(child.stderr, (line) => this.stderr.push(line));
    this.exited = this.#end(child);
  }

  findLine(pattern: RegExp): RegExpExecArray | undefined {
    for (const line of [...this.stdout, ...this.stderr]) {
      pattern.lastIndex = 0;
      const match = pattern.exec(line);
      if (match) return match;
    }
    return undefined;
  }

  async wait<T>(
    look: () => T | undefined,
    what: string,
    { timeoutMs = WAIT_MS }: WaitOptions = {},
  ): Promise<T> {
    const signal = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#status) throw this.failure(`ended before it wrote ${what}`);
      try {
        await once(this.#news, "news", { signal });
      } catch {
        throw this.failure(`did not write ${what} within ${timeoutMs} ms`);
      }
    }
  }

  /** An error with everything that was said. */
  failure(what: string): Error {
    const { code, signal } = this.#status ?? {};
    const end = this.#status ? ` (exit code ${code}, signal ${signal})` : "";
    const [out, err] = [this.stdout.join("\n"), this.stderr.join("\n")];
    return new Error(`${this.#title} ${what}${end}\n--- stdout\n${out}\n--- stderr\n${err}\n---`);
  }

  #collect(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
    let rest = "";
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(take);
      this.#news.emit("news");
    });
    stream?.on("end", () => {
      if (rest !== "") take(rest);
      rest = "";
    });
  }

  /** At the exit, after the last output; but an orphan that holds the pipe open must not delay it for long. */
  async #end(child: ChildProcess): Promise<ExitStatus> {
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const status = await new Promise<ExitStatus>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
      child.once("error", (error) => {
        this.stderr.push(String(error));
        resolve({ code: null, signal: null });
      });
    });
    await Promise.race([closed, after(500)]);
    // Only now: a wait that sees the end gives up, and the last lines may have come after the exit.
    this.#status = status;
    this.#news.emit("news");
    return status;
  }
}

function parseRecord(line: string): LogRecord | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    const isRecord = typeof value === "object" && value !== null && "msg" in value;
    return isRecord && typeof value.msg === "string" ? (value as LogRecord) : undefined;
  } catch {
    // A worker's own line that only looks like a record.
    return undefined;
  }
}

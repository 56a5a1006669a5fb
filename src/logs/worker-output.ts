/** What a worker writes: whole lines go to the sink, the last ones are remembered for messages. */

import type { Readable } from "node:stream";
import { splitLines } from "./lines.ts";

export type StreamName = "stdout" | "stderr";

/** Where lines come from. */
export interface LineSource {
  readonly app: string;
  readonly slot: number;
}

/** Where lines go. */
export interface OutputSink {
  /** Takes whole lines, ends included. False asks the caller to wait for `onceDrained`. */
  write(source: LineSource, stream: StreamName, lines: Buffer): boolean;
  onceDrained(resume: () => void): void;
}

export const REMEMBERED_LINES = 20;
export const REMEMBERED_LINE_CHARS = 500;

export interface WorkerOutput {
  /** The last lines the worker wrote, oldest first, without their ends. */
  last(): readonly string[];
}

export function carryOutput(
  streams: Readonly<Record<StreamName, Readable | null>>,
  source: LineSource,
  sink: OutputSink,
): WorkerOutput {
  const last: string[] = [];
  const remember = (line: Buffer): void => {
    last.push(line.toString("utf8", 0, Math.min(line.length - 1, REMEMBERED_LINE_CHARS)));
    if (last.length > REMEMBERED_LINES) last.shift();
  };
  for (const name of ["stdout", "stderr"] as const) {
    const stream = streams[name];
    if (!stream) continue;
    let batch: Buffer[] = [];
    const splitter = splitLines((line) => {
      batch.push(line);
      remember(line);
    });
    const deliver = (): void => {
      if (batch.length === 0) return;
      const isReady = sink.write(source, name, Buffer.concat(batch));
      batch = [];
      // Pausing fills the pipe, and the worker waits as it would for a slow terminal: nothing is lost.
      if (!isReady && !stream.isPaused()) {
        stream.pause();
        sink.onceDrained(() => stream.resume());
      }
    };
    stream.on("data", (chunk: Buffer) => {
      splitter.push(chunk);
      deliver();
    });
    stream.on("end", () => {
      splitter.end();
      deliver();
    });
    // A pipe that breaks has nothing more to tell.
    stream.on("error", () => {});
  }
  return { last: () => [...last] };
}

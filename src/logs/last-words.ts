/** The last lines a worker wrote, read from the end of its files when somebody asks. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { LogStore, OpenLog } from "./store.ts";
import { REMEMBERED_LINE_CHARS, REMEMBERED_LINES, type WorkerOutput } from "./worker-output.ts";

const REMEMBERED_BYTES = 64 * 1024;

/** Reads stderr first, and stdout where stderr has nothing: what killed a worker is rarely on stdout. */
export function lastWords(store: LogStore, out: OpenLog | null, err: OpenLog | null): WorkerOutput {
  const readers = [err, out].map((log) => (log === null ? () => [] : reader(store, log)));
  return {
    last() {
      for (const read of readers) {
        const lines = read();
        if (lines.length > 0) return lines;
      }
      return [];
    },
  };
}

function reader(store: LogStore, { path, from }: OpenLog): () => readonly string[] {
  const shortenedBefore = store.shortenedBy(path);
  return () => {
    const start = Math.max(0, from - (store.shortenedBy(path) - shortenedBefore));
    try {
      return lastLines(path, start);
    } catch {
      // The file is gone or may not be read: then nothing is known, which is what is said.
      return [];
    }
  };
}

/** The last lines of a file, none that begins before `from`, oldest first. Throws what `open` throws. */
export function lastLines(path: string, from: number): readonly string[] {
  const descriptor = openSync(path, "r");
  try {
    const { size } = fstatSync(descriptor);
    // Smaller than it was: it was emptied, and all that is in it is newer.
    const floor = from > size ? 0 : from;
    const start = Math.max(floor, size - REMEMBERED_BYTES);
    const bytes = Buffer.alloc(size - start);
    const read = readSync(descriptor, bytes, 0, bytes.length, start);
    return linesOf(bytes.subarray(0, read), start > floor);
  } finally {
    closeSync(descriptor);
  }
}

function linesOf(bytes: Buffer, isCut: boolean): readonly string[] {
  // A punched hole reads as zeros.
  const lines = bytes.toString("utf8").replace(/^\0+/, "").split("\n");
  if (isCut && lines.length > 1) lines.shift();
  return lines
    .filter((line) => line.trim() !== "")
    .slice(-REMEMBERED_LINES)
    .map((line) => line.slice(0, REMEMBERED_LINE_CHARS));
}

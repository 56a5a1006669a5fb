/**
 * A full disk must not take the app down. Where stdout or stderr is a file, a write that finds no room
 * throws or emits an error nobody handles (process.stdout.write, pino): here it is dropped instead, and
 * the supervisor reports the disk.
 */

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const NO_ROOM = ["ENOSPC", "EDQUOT", "EFBIG", "EIO"];

type Write = (descriptor: number, data: unknown, ...rest: unknown[]) => number;
type Callback = (error: NodeJS.ErrnoException | null, written: number, data: unknown) => void;

/** Without files as stdout or stderr nothing is touched. */
export function outliveFullDisk(): void {
  const files = [1, 2].filter(isFile);
  if (files.length === 0) return;
  const writeSync = fs.writeSync as unknown as Write;
  const write = fs.write as unknown as Write;
  const isDropped = (descriptor: number, error: unknown): boolean =>
    files.includes(descriptor) && NO_ROOM.includes((error as NodeJS.ErrnoException)?.code ?? "");

  const guardedSync: Write = (descriptor, data, ...rest) => {
    try {
      return writeSync(descriptor, data, ...rest);
    } catch (error) {
      if (!isDropped(descriptor, error)) throw error;
      return lengthOf(data, rest);
    }
  };
  const guarded: Write = (descriptor, data, ...rest) => {
    const callback = rest.at(-1);
    if (typeof callback !== "function") return write(descriptor, data, ...rest);
    const told: Callback = (error, written, given) => {
      if (isDropped(descriptor, error)) (callback as Callback)(null, lengthOf(data, rest), given);
      else (callback as Callback)(error, written, given);
    };
    return write(descriptor, data, ...rest.slice(0, -1), told);
  };
  Object.assign(fs, { writeSync: guardedSync, write: guarded });
  // Modules that import { writeSync } get these, too.
  syncBuiltinESMExports();
}

/** What would have been written: fs.write takes (string, position, encoding) or (bytes, offset, length). */
function lengthOf(data: unknown, rest: readonly unknown[]): number {
  if (typeof data === "string") {
    const encoding = rest.find((each) => typeof each === "string") as BufferEncoding | undefined;
    return Buffer.byteLength(data, encoding);
  }
  const { byteLength } = data as ArrayBufferView;
  const [first, second] = rest;
  const given = (typeof first === "object" && first !== null ? first : {}) as {
    offset?: number;
    length?: number;
  };
  const offset = typeof first === "number" ? first : (given.offset ?? 0);
  return typeof second === "number" ? second : (given.length ?? byteLength - offset);
}

function isFile(descriptor: number): boolean {
  try {
    return fs.fstatSync(descriptor).isFile();
  } catch {
    // Closed: there is nothing to write to.
    return false;
  }
}

/**
 * Reads a log file forward from a position while processes append to it and rotations shorten it.
 * Positions count all that was ever written (rotation-state.ts), so neither loses nor repeats a byte.
 */

import { type FileHandle, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { isAlive } from "./lock.ts";
import { isMarked, loadState, type RotationState } from "./rotation-state.ts";

const READ_BYTES = 256 * 1024;
/** A rotation that never ends must not hold the reader for ever. */
const MOST_TRIES = 20;

interface OpenArchive {
  /** Where in all that was written it ends. */
  readonly to: number;
  readonly bytes: AsyncGenerator<Buffer, undefined>;
}

export class LogCursor {
  readonly #path: string;
  #file: FileHandle | null = null;
  #inode = 0;
  #archive: OpenArchive | null = null;
  /** Where the next byte comes from. */
  position = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Opens the file where none is open, at what is in no archive; false while there is no file. */
  async open(): Promise<boolean> {
    if (this.#file) return true;
    try {
      this.#file = await open(this.#path, "r");
    } catch (error) {
      // Not made yet, or not ours to read: it may become so.
      if (["ENOENT", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
      throw error;
    }
    this.#inode = (await this.#file.stat()).ino;
    this.position = this.#state().start;
    return true;
  }

  /** Where the archives end and the file ends, at one moment; null while that moment cannot be had. */
  async bounds(): Promise<{ start: number; end: number } | null> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const before = this.#state();
      const { size } = (await this.#file?.stat()) ?? { size: 0 };
      if (isSame(before, this.#state()) && !isShifting(before)) {
        return { start: before.start, end: Math.max(before.start, size + before.removed) };
      }
    }
    return null;
  }

  /** The next bytes; null where nothing is new. */
  async next(most = READ_BYTES): Promise<Buffer | null> {
    if (!(await this.open())) return null;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const state = this.#state();
      if (isShifting(state)) return null;
      if (this.position < state.start) {
        const archived = await this.#fromArchive(state, most);
        if (archived) return archived;
        continue;
      }
      const read = await this.#fromFile(state, most);
      if (read === "again") continue;
      if (read) return read;
      if (!(await this.#isReplaced())) return null;
      // Written between the look and the replacement.
      const rest = await this.#fromFile(state, most);
      if (rest === "again") continue;
      if (rest) return rest;
      await this.close();
      if (!(await this.open())) return null;
    }
    return null;
  }

  /** Goes on from another position. */
  async goTo(position: number): Promise<void> {
    await this.#closeArchive();
    this.position = position;
  }

  async close(): Promise<void> {
    await this.#closeArchive();
    await this.#file?.close();
    this.#file = null;
  }

  async #fromFile(state: RotationState, most: number): Promise<Buffer | null | "again"> {
    const file = this.#file;
    if (!file) return null;
    const at = this.position - state.removed;
    const { size } = await file.stat();
    const length = Math.min(most, size - at);
    const bytes = Buffer.allocUnsafe(Math.max(0, length));
    const read = length > 0 ? (await file.read(bytes, 0, length, at)).bytesRead : 0;
    // A rotation in between has moved the bytes under the reader.
    if (!isSame(state, this.#state())) return "again";
    if (size < at) {
      // Emptied by somebody else: what comes now is new.
      this.position = state.start;
      return "again";
    }
    this.position += read;
    return read > 0 ? bytes.subarray(0, read) : null;
  }

  /** The reader was slower than the rotation: the rest is in an archive. Null: look again. */
  async #fromArchive(state: RotationState, most: number): Promise<Buffer | null> {
    this.#archive ??= this.#openArchive(state, most);
    if (this.#archive === null) {
      // What came next has been deleted to make room.
      const range = state.archives.find(({ from }) => this.position < from);
      this.position = range?.from ?? state.start;
      return null;
    }
    const { bytes, to } = this.#archive;
    const next = await bytes.next().catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return { done: true, value: undefined } as const;
      throw error;
    });
    if (!next.done) this.position += next.value.length;
    else this.position = to;
    // At its end an archive must not be asked again: by then the reader may be elsewhere.
    if (this.position >= to) await this.#closeArchive();
    return next.done ? null : next.value;
  }

  #openArchive({ archives }: RotationState, most: number): OpenArchive | null {
    const range = archives.find(({ from, to }) => from <= this.position && this.position < to);
    if (!range) return null;
    const path = join(dirname(this.#path), range.name);
    const skip = this.position - range.from;
    return { to: range.to, bytes: readArchive(path, skip, range.to - this.position, most) };
  }

  async #closeArchive(): Promise<void> {
    await this.#archive?.bytes.return(undefined);
    this.#archive = null;
  }

  async #isReplaced(): Promise<boolean> {
    const now = await stat(this.#path).catch(() => null);
    return now !== null && now.ino !== this.#inode;
  }

  #state(): RotationState {
    const state = loadState(this.#path, this.#inode);
    const { underWay, removed, start } = state;
    // Who was to cut is dead: the mark tells whether it was done.
    if (underWay?.step !== "cutting" || isAlive(underWay.pid) || isMarked(this.#path)) return state;
    const cut = removed + underWay.cut;
    return { ...state, removed: cut, start: Math.max(start, cut), underWay: null };
  }
}

/** The bytes of an archive, compressed or not, from `skip` on. Throws what `open` throws. */
export async function* readArchive(
  path: string,
  skip = 0,
  length = Number.POSITIVE_INFINITY,
  most = READ_BYTES,
): AsyncGenerator<Buffer, undefined> {
  const plain = path.replace(/\.gz$/, "");
  const asItIs = await open(plain).catch(() => null);
  const file = asItIs ?? (await open(`${plain}.gz`));
  try {
    if (asItIs) yield* upTo(length, chunksOf(file, skip, most));
    else {
      const unpacked = createGunzip({ chunkSize: most });
      pipeline(Readable.from(chunksOf(file, 0, most)), unpacked, () => {});
      yield* upTo(length, without(skip, unpacked));
    }
  } finally {
    await file.close();
  }
}

async function* chunksOf(file: FileHandle, from: number, most: number): AsyncGenerator<Buffer> {
  for (let at = from; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(most), 0, most, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

async function* without(bytes: number, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of chunks) {
    if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

async function* upTo(
  bytes: number,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, undefined> {
  let left = bytes;
  for await (const chunk of chunks) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

function isSame(a: RotationState, b: RotationState): boolean {
  return (
    a.inode === b.inode &&
    a.removed === b.removed &&
    a.start === b.start &&
    a.underWay?.step === b.underWay?.step
  );
}

/** Bytes are being taken off at this very moment. */
function isShifting({ underWay }: RotationState): boolean {
  return underWay?.step === "cutting" && isAlive(underWay.pid);
}

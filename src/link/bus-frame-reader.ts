/** Frames of the bus out of a byte stream. */

import {
  BUS,
  type BusFrame,
  DEFAULT_LONGEST_BYTES,
  type Head,
  LENGTH_BYTES,
  PREFIX_BYTES,
} from "./bus-frames.ts";
import { KnownHeads } from "./bus-known-heads.ts";
import { checkSubjectBytes, KnownSubjects } from "./bus-subject-bytes.ts";
import { FrameError } from "./frames.ts";

const EMPTY = Buffer.alloc(0);

/**
 * Cuts a byte stream into frames, whatever the pieces it comes in. What is complete in a chunk is a view of it; only
 * a frame that lies across chunks is collected, and no more than what came of it.
 */
export class BusFrameReader {
  readonly #longest: number;
  readonly #subjects = new KnownSubjects();
  readonly #heads = new KnownHeads();
  #held: Buffer = EMPTY;
  #heldBytes = 0;

  /** `longestBytes`: of a whole frame; a longer one is refused by its announcement. */
  constructor(longestBytes = DEFAULT_LONGEST_BYTES) {
    this.#longest = longestBytes;
  }

  /** Bytes of a frame that is not complete yet. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The frames the chunk completes. Throws FrameError: the stream is of no use any more. */
  push(chunk: Buffer): readonly BusFrame[] {
    const frames: BusFrame[] = [];
    let at = this.#heldBytes > 0 ? this.#complete(chunk, frames) : 0;
    while (chunk.length - at >= LENGTH_BYTES) {
      const bytes = this.#bytesAt(chunk, at);
      if (chunk.length - at < bytes) break;
      frames.push(this.#decode(chunk, at, bytes));
      at += bytes;
    }
    if (at < chunk.length) this.#hold(chunk, at, this.#target(chunk, at));
    return frames;
  }

  /** Adds what the chunk has of the held frame; where the rest of the chunk begins. */
  #complete(chunk: Buffer, frames: BusFrame[]): number {
    let at = this.#heldBytes < LENGTH_BYTES ? this.#hold(chunk, 0, LENGTH_BYTES) : 0;
    if (this.#heldBytes < LENGTH_BYTES) return at;
    const bytes = this.#bytesAt(this.#held, 0);
    at = this.#hold(chunk, at, bytes);
    if (this.#heldBytes < bytes) return at;
    frames.push(this.#decode(this.#held, 0, bytes));
    this.#held = EMPTY;
    this.#heldBytes = 0;
    return at;
  }

  /** How much to collect of what begins there: the frame where its length is known. */
  #target(chunk: Buffer, at: number): number {
    return chunk.length - at < LENGTH_BYTES ? LENGTH_BYTES : this.#bytesAt(chunk, at);
  }

  /** Collects from `at` until `target` bytes are held; where it stopped. */
  #hold(chunk: Buffer, at: number, target: number): number {
    const end = Math.min(chunk.length, at + target - this.#heldBytes);
    const needed = this.#heldBytes + end - at;
    if (this.#held.length < needed) {
      // Grown by what has come, not by what was announced: a promise costs its maker the bytes.
      const larger = Buffer.allocUnsafe(Math.min(target, Math.max(needed, 2 * this.#held.length)));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldBytes, at, end);
    this.#heldBytes = needed;
    return end;
  }

  #bytesAt(buffer: Buffer, at: number): number {
    const bytes = LENGTH_BYTES + buffer.readUInt32BE(at);
    if (bytes > this.#longest) {
      throw new FrameError(`a frame of ${bytes} bytes where ${this.#longest} are the most`);
    }
    if (bytes < PREFIX_BYTES) throw new FrameError(`a frame of ${bytes} bytes, too few for one`);
    return bytes;
  }

  #decode(buffer: Buffer, at: number, bytes: number): BusFrame {
    const subjectAt = at + PREFIX_BYTES;
    const subjectBytes = buffer.readUInt16BE(at + 14);
    checkSubjectBytes(subjectBytes);
    const headAt = subjectAt + subjectBytes;
    const bodyAt = headAt + buffer.readUInt32BE(at + 16);
    const end = at + bytes;
    if (bodyAt > end) throw new FrameError("a subject and a head longer than their frame");
    const kind = buffer[at + 4] as number;
    return {
      kind,
      format: buffer[at + 5] as number,
      id: buffer.readUInt32BE(at + 6),
      to: buffer.readUInt32BE(at + 10),
      subject: subjectBytes === 0 ? "" : this.#subjects.read(buffer, subjectAt, headAt),
      head: bodyAt === headAt ? null : this.#head(buffer, headAt, bodyAt, kind),
      body: bodyAt === end ? EMPTY : buffer.subarray(bodyAt, end),
      bytes,
    };
  }

  #head(buffer: Buffer, start: number, end: number, kind: number): Head {
    if (kind === BUS.publish) return this.#heads.read(buffer, start, end, headOf);
    return headOf(buffer.toString("utf8", start, end));
  }
}

function headOf(text: string): Head {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new FrameError("a head that is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FrameError("a head that is no object");
  }
  return value as Head;
}

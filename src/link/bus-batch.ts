/** What is to leave in one write: small frames copied into one buffer, big bodies as they are. */

import type { Writable } from "node:stream";
import { type MeasuredFrame, writeBusBody, writeBusFront } from "./bus-frames.ts";

/** From here on a copy costs more than a piece of its own in the write. */
const BIG_BODY_BYTES = 16 * 1024;
/** A quiet link keeps a buffer this small; one whose turns fill it gets larger ones. */
const FIRST_BUFFER_BYTES = 4 * 1024;
const LARGEST_BUFFER_BYTES = 64 * 1024;
const EMPTY = Buffer.alloc(0);

export class Batch {
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Written to from `#end` on and never again before it: what has been handed on may still be under way. */
  #buffer: Buffer = EMPTY;
  #start = 0;
  #end = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Throws FrameError for a frame that cannot be one; the batch is then as it was. */
  add(measured: MeasuredFrame): void {
    const { body } = measured.frame;
    const { bodyBytes, bytes } = measured;
    const isBig = bodyBytes >= BIG_BODY_BYTES;
    this.#reserve(isBig ? bytes - bodyBytes : bytes);
    const bodyAt = writeBusFront(measured, this.#buffer, this.#end);
    if (isBig) {
      this.#end = bodyAt;
      this.#cut();
      this.#pieces.push(typeof body === "string" ? Buffer.from(body) : body);
    } else {
      writeBusBody(measured, this.#buffer, bodyAt);
      this.#end = bodyAt + bodyBytes;
    }
    this.#bytes += measured.bytes;
  }

  /** Writes all of it at once; the batch is then empty. */
  drainInto(stream: Writable): void {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    if (pieces.length > 1) stream.cork();
    for (const piece of pieces) stream.write(piece);
    if (pieces.length > 1) stream.uncork();
  }

  clear(): void {
    this.#pieces = [];
    this.#bytes = 0;
    this.#start = this.#end;
  }

  #reserve(bytes: number): void {
    if (this.#buffer.length - this.#end >= bytes) return;
    const isBurst = this.#bytes > 0 || this.#buffer.length === 0;
    this.#cut();
    const size = isBurst ? 2 * this.#buffer.length : this.#buffer.length;
    const bounded = Math.min(Math.max(size, FIRST_BUFFER_BYTES), LARGEST_BUFFER_BYTES);
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(bounded, bytes));
    this.#start = 0;
    this.#end = 0;
  }

  /** Ends the piece that is being filled. */
  #cut(): void {
    if (this.#end > this.#start) this.#pieces.push(this.#buffer.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

/** Heads of messages come again and again: what one sender says of itself is read once. */

import type { Head } from "./bus-frames.ts";

const LONGEST_BYTES = 512;
const PLACES = 64;

interface Known {
  readonly bytes: Buffer;
  readonly head: Head;
}

export class KnownHeads {
  readonly #seen: (Known | undefined)[] = new Array(PLACES).fill(undefined);

  /** The head between two places, read by `headOf` where it is new. All who get it share it: it is frozen. */
  read(buffer: Buffer, start: number, end: number, headOf: (text: string) => Head): Head {
    const length = end - start;
    if (length > LONGEST_BYTES) return headOf(buffer.toString("utf8", start, end));
    let bits = length;
    // Some of its bytes tell it from others; whether it is the same all of them say.
    for (let at = start; at < end; at += 7)
      bits = (Math.imul(bits, 31) + (buffer[at] as number)) | 0;
    const place = bits & (PLACES - 1);
    const known = this.#seen[place];
    if (known !== undefined && isSame(known.bytes, buffer, start, length)) return known.head;
    const head = frozen(headOf(buffer.toString("utf8", start, end)));
    this.#seen[place] = { bytes: Buffer.copyBytesFrom(buffer, start, length), head };
    return head;
  }
}

function isSame(known: Buffer, buffer: Buffer, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let n = 0; n < length; n += 1) if (known[n] !== buffer[start + n]) return false;
  return true;
}

function frozen<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}

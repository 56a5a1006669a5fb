/** How data becomes the bytes of a frame and data again. The supervisor passes both on unread. */

import { deserialize, serialize } from "node:v8";
import { HoldfastError } from "../errors.ts";
import { FORMAT } from "../link/bus-frames.ts";
import type { BusEncoding } from "./api.ts";

/** A format above FORMAT.typed is a place in this list. */
const TYPES = [
  ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array],
  ...[Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array],
] as const;

export interface Body {
  readonly format: number;
  /** Text where it is short: it becomes bytes as it is written. */
  readonly bytes: Buffer | string;
}

/** A longer text that waits would weigh twice: as itself and as what it is made of. */
const SHORT_CHARACTERS = 4096;
/** In UTF-8, of what JavaScript counts as one. */
const MOST_BYTES_OF_CHARACTER = 3;
const EMPTY = Buffer.alloc(0);
const NOTHING: Body = { format: FORMAT.none, bytes: EMPTY };

/**
 * Bytes are copied: their owner may go on writing into them. Throws HF_BUS_DATA_INVALID and HF_BUS_TOO_LARGE,
 * which name `subject`.
 */
export function encodeBody(
  data: unknown,
  encoding: BusEncoding,
  subject: string,
  limitBytes: number,
): Body {
  if (data === undefined) return NOTHING;
  const body = encode(data, encoding, subject);
  if (body.bytes.length * MOST_BYTES_OF_CHARACTER <= limitBytes) return body;
  const bytes = Buffer.byteLength(body.bytes);
  if (bytes <= limitBytes) return body;
  throw new HoldfastError("HF_BUS_TOO_LARGE", { subject, bytes, limitBytes });
}

function encode(data: unknown, encoding: BusEncoding, subject: string): Body {
  try {
    if (ArrayBuffer.isView(data)) return encodeView(data);
    if (encoding === "clone") return { format: FORMAT.clone, bytes: serialize(data) };
    if (data instanceof ArrayBuffer) throw new TypeError("an ArrayBuffer: pass a Uint8Array of it");
    const text = JSON.stringify(data) as string | undefined;
    if (text === undefined) throw new TypeError(`a ${typeof data} cannot be said in JSON`);
    const isShort = text.length <= SHORT_CHARACTERS;
    return { format: FORMAT.json, bytes: isShort ? text : Buffer.from(text) };
  } catch (error) {
    throw unusable(subject, error);
  }
}

/** The data of a frame. Throws HF_BUS_DATA_INVALID, which names `subject`. */
export function decodeBody(format: number, bytes: Buffer, subject: string): unknown {
  try {
    if (format === FORMAT.json) return JSON.parse(bytes.toString());
    if (format === FORMAT.none) return undefined;
    // Copies: what came is one memory for all handlers of this process, and larger than what is kept of it.
    if (format === FORMAT.bytes) return Buffer.from(bytes);
    if (format === FORMAT.clone) return deserialize(Buffer.from(bytes));
    return decodeTyped(format, bytes);
  } catch (error) {
    throw unusable(subject, error);
  }
}

function encodeView(data: ArrayBufferView): Body {
  const bytes = Buffer.copyBytesFrom(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  if (Buffer.isBuffer(data)) return { format: FORMAT.bytes, bytes };
  const type = TYPES.findIndex((each) => Object.getPrototypeOf(data) === each.prototype);
  if (type >= 0) return { format: FORMAT.typed + type, bytes };
  if (data instanceof Uint8Array) return { format: FORMAT.bytes, bytes };
  throw new TypeError(`a ${data.constructor.name}: pass a Uint8Array of it`);
}

function decodeTyped(format: number, bytes: Buffer): unknown {
  const Type = TYPES[format - FORMAT.typed];
  if (Type === undefined) throw new TypeError(`format ${format} is not known to this version`);
  // A copy: what is longer than a byte must begin at a multiple of its length.
  const { buffer } = new Uint8Array(bytes);
  return new Type(buffer);
}

function unusable(subject: string, error: unknown): HoldfastError {
  const reason = error instanceof Error ? error.message : String(error);
  return new HoldfastError("HF_BUS_DATA_INVALID", { subject, reason }, { cause: error });
}

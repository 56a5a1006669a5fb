/**
 * The framed protocol: `u32 length | u8 kind | u32 header length | header (JSON) | body`, numbers big-endian,
 * `length` counting all that follows it. A relay needs to read the header only; the body is opaque.
 */

/** What a frame is; numbers are on the wire and never used again for something else. */
export const KIND = {
  /** First from either side: who speaks, and which version of the protocol. */
  hello: 1,
  request: 2,
  /** Something that happened while a request is being served. */
  event: 3,
  /** The end of a request: its result. */
  reply: 4,
  /** The end of a request: an error. */
  failure: 5,
  /** The request is still being served. */
  alive: 6,
  /** From the asking side: the answer is no longer wanted. */
  cancel: 7,
} as const;

export interface Frame {
  readonly kind: number;
  readonly header: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

const LENGTH_BYTES = 4;
const PREFIX_BYTES = LENGTH_BYTES + 1 + 4;
/** A longer frame is a fault: nobody grows by what a stranger claims to send. */
export const LONGEST_FRAME_BYTES = 16 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);

export function encodeFrame(
  kind: number,
  header: Readonly<Record<string, unknown>>,
  body: Buffer = EMPTY,
): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  prefix.writeUInt32BE(PREFIX_BYTES - LENGTH_BYTES + text.length + body.length, 0);
  prefix.writeUInt8(kind, LENGTH_BYTES);
  prefix.writeUInt32BE(text.length, LENGTH_BYTES + 1);
  return Buffer.concat([prefix, text, body]);
}

/** What was read is no frame of ours; nothing after it can be understood. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Cuts a byte stream into frames, whatever the pieces it comes in. */
export class FrameReader {
  readonly #longest: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(longestBytes = LONGEST_FRAME_BYTES) {
    this.#longest = longestBytes;
  }

  /** The frames the chunk completes. Throws FrameError: the stream is of no use any more. */
  push(chunk: Buffer): readonly Frame[] {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | null {
    if (this.#bytes < PREFIX_BYTES) return null;
    const length = this.#peek(LENGTH_BYTES).readUInt32BE(0);
    if (length > this.#longest) throw new FrameError(`a frame of ${length} bytes`);
    if (length < PREFIX_BYTES - LENGTH_BYTES) throw new FrameError("a frame without a head");
    if (this.#bytes < LENGTH_BYTES + length) return null;
    const frame = this.#peek(LENGTH_BYTES + length).subarray(LENGTH_BYTES, LENGTH_BYTES + length);
    this.#skip(LENGTH_BYTES + length);
    return decode(frame);
  }

  /** One piece that begins with at least so many bytes. */
  #peek(bytes: number): Buffer {
    const [first = EMPTY] = this.#pieces;
    if (first.length >= bytes) return first;
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    return whole;
  }

  #skip(bytes: number): void {
    const rest = (this.#pieces[0] ?? EMPTY).subarray(bytes);
    this.#pieces.splice(0, 1, ...(rest.length > 0 ? [rest] : []));
    this.#bytes -= bytes;
  }
}

function decode(frame: Buffer): Frame {
  const start = PREFIX_BYTES - LENGTH_BYTES;
  const end = start + frame.readUInt32BE(1);
  if (end > frame.length) throw new FrameError("a header longer than its frame");
  return {
    kind: frame.readUInt8(0),
    header: headerOf(frame.subarray(start, end)),
    body: frame.subarray(end),
  };
}

function headerOf(bytes: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new FrameError("a header that is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FrameError("a header that is no object");
  }
  return value as Record<string, unknown>;
}

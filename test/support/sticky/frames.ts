/** WebSocket frames as a client writes them (RFC 6455): always the same mask, so that they are the same bytes. */

const MASK = Buffer.from([0x12, 0x34, 0x56, 0x78]);

export const TEXT = 1;
export const BINARY = 2;
export const CONTINUATION = 0;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export interface FrameOptions {
  /** The last of its message; default true. */
  readonly isFinal?: boolean;
  /** The first reserved bit: its message is compressed. */
  readonly isCompressed?: boolean;
}

export function frame(
  opcode: number,
  payload: Buffer | string,
  { isFinal = true, isCompressed = false }: FrameOptions = {},
): Buffer {
  const body = Buffer.from(payload as string);
  const first = (isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode;
  const { length } = body;
  const head =
    length < 126
      ? Buffer.from([first, 0x80 | length])
      : length < 65_536
        ? Buffer.from([first, 0x80 | 126, length >> 8, length & 255])
        : Buffer.concat([Buffer.from([first, 0x80 | 127]), big(length)]);
  const masked = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at += 1)
    masked[at] = (body[at] as number) ^ (MASK[at & 3] as number);
  return Buffer.concat([head, MASK, masked]);
}

export function closeFrame(code: number, reason = ""): Buffer {
  const body = Buffer.alloc(2 + Buffer.byteLength(reason));
  body.writeUInt16BE(code);
  body.write(reason, 2);
  return frame(CLOSE, body);
}

function big(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}

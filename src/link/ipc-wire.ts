/** How an IpcPipe writes down what it says (ipc-pipe.ts): a line of JSON each. Pure. */

import { LONGEST_MESSAGE_BYTES } from "./ipc-lines.ts";

/** The descriptor has come, or it never did. */
export const ARRIVED = '{"a":1}\n';
export const LOST = '{"a":0}\n';

/** A message `m`, with a descriptor where there is an `h`; or the acknowledgement `a` of one. */
export interface WireLine {
  readonly m?: unknown;
  readonly h?: unknown;
  readonly a?: unknown;
}

export function lineOf(message: unknown, hasHandle: boolean): string {
  return `${JSON.stringify(hasHandle ? { h: 1, m: message } : { m: message })}\n`;
}

/** Longer than the peer reads. A character is three bytes at most. */
export function isTooLong(line: string): boolean {
  const isShort = line.length * 3 <= LONGEST_MESSAGE_BYTES;
  return !isShort && Buffer.byteLength(line) > LONGEST_MESSAGE_BYTES;
}

/** Null for what is no line of ours. */
export function readWire(bytes: Buffer): WireLine | null {
  try {
    const line = JSON.parse(bytes.toString("utf8")) as unknown;
    if (typeof line !== "object" || line === null) return null;
    return "m" in line || "a" in line ? line : null;
  } catch {
    return null;
  }
}

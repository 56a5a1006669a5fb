/**
 * The bus's frames, numbers big-endian: `u32 length of all that follows | u8 kind | u8 format | u32 id | u32 to |
 * u16 subject bytes | u32 head bytes | subject (ASCII) | head (a JSON object, or nothing) | body (opaque)`.
 * A relay reads subject and head and hands the body on as it came.
 */

import { checkSubjectBytes, writeSubject } from "./bus-subject-bytes.ts";

/** Raised when an older side could misunderstand a newer one; new kinds and fields of heads do not raise it. */
export const BUS_PROTOCOL = 1;

/** What a frame is; numbers are on the wire and never used again for something else. */
export const BUS = {
  hello: 1,
  subscribe: 2,
  unsubscribe: 3,
  done: 4,
  publish: 5,
  request: 6,
  reply: 7,
  failure: 8,
  cancel: 9,
  /** `id`: bytes of windowed frames that were worked off. */
  credit: 10,
  leave: 11,
  gathered: 12,
  sync: 13,
  fetch: 14,
  lock: 15,
  unlock: 16,
  enqueue: 17,
  consume: 18,
  lease: 19,
  settle: 20,
  manage: 21,
} as const;

/** How a body is encoded; from `typed` on a typed array, `format - typed` says of which type. */
export const FORMAT = { none: 0, json: 1, bytes: 2, clone: 3, typed: 16 } as const;

/** As `to` of a publish: a retained value that was asked for. No subscription has this number. */
export const FETCHED = 0xffff_ffff;

/** What either side may send before anything of it was worked off, unless its hello says otherwise. */
export const DEFAULT_WINDOW_BYTES = 1024 * 1024;
/** The longest whole frame unless a hello says otherwise: a body of 1 MiB, with room for its head. */
export const DEFAULT_LONGEST_BYTES = 1024 * 1024 + 64 * 1024;

export type Head = Readonly<Record<string, unknown>>;

export interface BusFrame {
  readonly kind: number;
  readonly format: number;
  readonly id: number;
  readonly to: number;
  readonly subject: string;
  readonly head: Head | null;
  /** A view of what was received: who keeps it longer than the call copies it, or keeps all that came with it. */
  readonly body: Buffer;
  /** Of the whole frame: what it counts against a window. */
  readonly bytes: number;
}

/** A frame to send. Its head may be packed once for many frames, see `packHead`. */
export interface OutgoingFrame extends Omit<BusFrame, "bytes" | "head" | "body"> {
  readonly head: Head | Buffer | null;
  /** A text is written as UTF-8, without a buffer of its own on its way. */
  readonly body: Buffer | string;
}

/** A frame whose head is on its way to the wire, and how long it will be there. */
export interface MeasuredFrame {
  readonly frame: OutgoingFrame;
  readonly head: string | Buffer;
  readonly headBytes: number;
  readonly bodyBytes: number;
  /** Of the whole frame. */
  readonly bytes: number;
}

/** Of its length, at the front of every frame. */
export const LENGTH_BYTES = 4;
/** Before subject, head and body of every frame. */
export const PREFIX_BYTES = 20;
const EMPTY = Buffer.alloc(0);

/** Whether a frame counts against the window of the side that receives it. */
export function isWindowed(kind: number): boolean {
  return kind === BUS.publish || kind === BUS.request || kind === BUS.enqueue || kind === BUS.lease;
}

/** The frame that gives so many bytes back. */
export function creditOf(bytes: number): OutgoingFrame {
  return bareFrame(BUS.credit, bytes);
}

/** A frame about nothing but a number, and what its head says. */
export function bareFrame(kind: number, id: number, head: Head | null = null): OutgoingFrame {
  return { kind, format: FORMAT.none, id, to: 0, subject: "", head, body: EMPTY };
}

/** A head as it stands on the wire, for frames that share it. */
export function packHead(head: Head): Buffer {
  return Buffer.from(JSON.stringify(head));
}

export function measureBusFrame(frame: OutgoingFrame): MeasuredFrame {
  const { head: given, subject, body } = frame;
  const head = given === null ? "" : Buffer.isBuffer(given) ? given : JSON.stringify(given);
  const headBytes = bytesIn(head);
  const bodyBytes = bytesIn(body);
  const bytes = PREFIX_BYTES + subject.length + headBytes + bodyBytes;
  return { frame, head, headBytes, bodyBytes, bytes };
}

/**
 * Writes all but the body into `target` at `at` and returns where the body belongs. Throws FrameError for a subject
 * that is too long or not ASCII.
 */
export function writeBusFront(measured: MeasuredFrame, target: Buffer, at: number): number {
  const { frame, head, headBytes, bytes } = measured;
  const { subject } = frame;
  checkSubjectBytes(subject.length);
  target.writeUInt32BE(bytes - LENGTH_BYTES, at);
  target[at + 4] = frame.kind;
  target[at + 5] = frame.format;
  target.writeUInt32BE(frame.id, at + 6);
  target.writeUInt32BE(frame.to, at + 10);
  target.writeUInt16BE(subject.length, at + 14);
  target.writeUInt32BE(headBytes, at + 16);
  const end = writeSubject(subject, target, at + PREFIX_BYTES);
  writeBytes(head, headBytes, target, end);
  return end + headBytes;
}

/** Writes the body where it belongs. */
export function writeBusBody(
  { frame, bodyBytes }: MeasuredFrame,
  target: Buffer,
  at: number,
): void {
  writeBytes(frame.body, bodyBytes, target, at);
}

/** The whole frame. Throws as `writeBusFront` does. */
export function encodeBusFrame(frame: OutgoingFrame): Buffer {
  const measured = measureBusFrame(frame);
  const target = Buffer.allocUnsafe(measured.bytes);
  writeBusBody(measured, target, writeBusFront(measured, target, 0));
  return target;
}

function bytesIn(part: Buffer | string): number {
  return typeof part === "string" && part !== "" ? Buffer.byteLength(part) : part.length;
}

function writeBytes(part: Buffer | string, bytes: number, target: Buffer, at: number): void {
  if (bytes === 0) return;
  if (typeof part !== "string") part.copy(target, at);
  // As long in bytes as in characters it is ASCII, which is the same in both and written faster so.
  else target.write(part, at, bytes, part.length === bytes ? "latin1" : "utf8");
}

/** Entries as bytes: a line of text, a line of JSON, and packed data; in pieces where it is too much for one message. */

import { deserialize, serialize } from "node:v8";
import type { Entry } from "../core/socket-io/terms.ts";
import { HoldfastError } from "../errors.ts";

/** Below what the bus takes, so that a piece with all around it fits. */
const PIECE_BYTES = 512 * 1024;
/** What is said to all: a longer one would hold up all others. */
const LONGEST_BYTES = 16 * 1024 * 1024;
/** What one member says to another, with the longest of those in it. */
const LONGEST_POST_BYTES = 256 * 1024 * 1024;
const LINE = 10;
const JSON_FORMAT = 1;
const CLONE_FORMAT = 2;

/** Data of a packet or an answer, packed: what JSON can say as JSON; with bytes in it by Node's structured clone. */
export function pack(data: unknown): Uint8Array {
  const isPlain = !hasBinary(data);
  const bytes = isPlain ? Buffer.from(JSON.stringify(data) ?? "null") : serialize(plain(data));
  return Buffer.concat([Buffer.of(isPlain ? JSON_FORMAT : CLONE_FORMAT), bytes]);
}

export function unpack(body: Uint8Array): unknown {
  const bytes = Buffer.from(body.buffer, body.byteOffset + 1, body.byteLength - 1);
  return body[0] === JSON_FORMAT ? JSON.parse(bytes.toString()) : deserialize(bytes);
}

/** As it is now, whatever becomes of its objects. Throws where it cannot be said. */
export function copyOf<Data>(data: Data): Data {
  return unpack(pack(data)) as Data;
}

/** Throws HF_BUS_TOO_LARGE. */
export function piecesOf(entry: Entry): readonly Buffer[] {
  const meta = Buffer.from(JSON.stringify(entry.meta) ?? "null");
  const length = meta.length + 1 + entry.body.byteLength;
  const limitBytes = entry.kind === "post" ? LONGEST_POST_BYTES : LONGEST_BYTES;
  if (length > limitBytes) {
    const details = { subject: "socketio", bytes: length, limitBytes };
    throw new HoldfastError("HF_BUS_TOO_LARGE", details);
  }
  const all = Buffer.concat([meta, Buffer.of(LINE), entry.body]);
  const count = Math.max(1, Math.ceil(all.length / PIECE_BYTES));
  return Array.from({ length: count }, (_, index) => {
    const head = `${entry.from} ${entry.n} ${entry.at} ${entry.kind} ${index} ${count}\n`;
    const piece = all.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES);
    return Buffer.concat([Buffer.from(head), piece]);
  });
}

/** Makes entries of pieces. */
export class Assembler {
  /** Of each sender the one entry that is not complete. */
  readonly #begun = new Map<string, { readonly n: number; readonly pieces: Uint8Array[] }>();

  /** Null: there is more to come of it, or its beginning was lost. Throws where it is no piece. */
  take(message: Buffer): Entry | null {
    const end = message.indexOf(LINE);
    const fields = message.toString("latin1", 0, end).split(" ");
    const [from = "", number = "", at = "", kind = "", place = "", total = ""] = fields;
    if (end < 0 || fields.length !== 6) throw new TypeError("this is no message of an adapter");
    const n = Number(number);
    const rest = message.subarray(end + 1);
    const entry = { from, n, at: Number(at), kind };
    if (total === "1") return { ...entry, ...partsOf(rest) };
    if (place === "0") this.#begun.set(from, { n, pieces: [] });
    const begun = this.#begun.get(from);
    if (begun?.n !== n || begun.pieces.length !== Number(place)) return null;
    begun.pieces.push(rest);
    if (begun.pieces.length < Number(total)) return null;
    this.#begun.delete(from);
    return { ...entry, ...partsOf(Buffer.concat(begun.pieces)) };
  }

  forget(from: string): void {
    this.#begun.delete(from);
  }
}

function partsOf(all: Buffer): Pick<Entry, "meta" | "body"> {
  const end = all.indexOf(LINE);
  return { meta: JSON.parse(all.toString("utf8", 0, end)), body: all.subarray(end + 1) };
}

/** Whether it holds bytes, as Socket.IO's own parser sees it. */
function hasBinary(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (isBinary(value)) return true;
  if (Array.isArray(value)) return value.some(hasBinary);
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return hasBinary(toJSON.call(value));
  return Object.values(value).some(hasBinary);
}

/** What the parser would make of it: bytes stay, everything else is what JSON says of it. */
function plain(value: unknown): unknown {
  // As JSON.stringify() does.
  if (typeof value === "bigint") throw new TypeError("Do not know how to serialize a BigInt");
  if (typeof value !== "object" || value === null) {
    return typeof value === "function" || typeof value === "symbol" ? undefined : value;
  }
  if (isBinary(value)) return value;
  if (Array.isArray(value)) return value.map((each) => plain(each) ?? null);
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return plain(toJSON.call(value));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

function isBinary(value: object): boolean {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

/** Data of the bus on a terminal and in JSON. Pure. */

import { inspect } from "node:util";
import { harmless } from "./text.ts";

/** What JSON cannot say is said in another field, so that nobody takes it for data. */
export interface ShownData {
  /** What JSON can say; not there where nothing was sent. */
  readonly data?: unknown;
  /** Bytes of a Buffer or a typed array. */
  readonly base64?: string;
  /** Of what those bytes are: `Buffer`, `Float64Array` and others. */
  readonly type?: string;
  /** What only a structured clone can say (Map, Date, BigInt), as Node shows it. */
  readonly inspected?: string;
}

export function dataFields(data: unknown): ShownData {
  if (data === undefined) return {};
  if (ArrayBuffer.isView(data)) {
    const { buffer, byteOffset, byteLength } = data;
    const base64 = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");
    return { base64, type: data.constructor.name };
  }
  return isJson(data) ? { data } : { inspected: inspected(data) };
}

/** One line. On a terminal nothing in it moves the cursor or turns the direction of writing. */
export function dataLine(data: unknown, isTerminal: boolean): string {
  const shown = dataFields(data);
  const line = shown.inspected ?? shown.base64 ?? JSON.stringify(shown.data) ?? "";
  return isTerminal ? harmless(line) : line;
}

/** Text and bytes as they are, everything else as a line of JSON: what a shell goes on with. */
export function plainData(data: unknown, isTerminal: boolean): string | Buffer {
  if (typeof data === "string") return `${isTerminal ? harmlessLines(data) : data}\n`;
  if (Buffer.isBuffer(data) && !isTerminal) return data;
  return data === undefined ? "" : `${dataLine(data, isTerminal)}\n`;
}

function harmlessLines(text: string): string {
  return text.split("\n").map(harmless).join("\n");
}

function inspected(data: unknown): string {
  const options = { depth: 8, breakLength: Number.POSITIVE_INFINITY, compact: true };
  return inspect(data, { ...options, customInspect: false }).replaceAll("\n", "\\n");
}

/** Whether JSON gives back what went in. */
function isJson(data: unknown): boolean {
  try {
    JSON.stringify(data, function (this: Record<string, unknown>, key: string, value: unknown) {
      // Before toJSON: a Date is none of JSON's.
      if (!isPlain(this[key])) throw new TypeError("no JSON");
      return value;
    });
    return true;
  } catch {
    // That, or a circle.
    return false;
  }
}

function isPlain(value: unknown): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object") return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

/** Reads amounts of memory. Pure. */

import { accept, type Kind, refuse } from "./kinds.ts";
import { received } from "./received.ts";

const UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1024],
  ["m", 1024 ** 2],
  ["g", 1024 ** 3],
]);
const SIZE = /^(\d{1,15}(?:\.\d{1,3})?) ?([KMGkmg]?)[Bb]?$/;
const LEAST = 16 * 1024 ** 2;
const MOST = 1024 ** 4;
const EXPECTED = 'an amount of memory from 16M to 1024G: bytes as a number, or "300M", "1.5G"';

/** Bytes, or text with K, M or G, which are powers of 1024 as in PM2; a B may follow. */
export const sizeKind: Kind<number> = {
  type: "amount of memory",
  expected: EXPECTED,
  read: (value) => {
    const bytes = bytesOf(value);
    if (bytes === null) return refuse(value, EXPECTED);
    if (bytes >= LEAST && bytes <= MOST) return accept(bytes);
    const given = received(value);
    return refuse(value, bytes < 1024 ** 2 ? `${EXPECTED}; ${given} is in bytes` : EXPECTED);
  },
  show: formatSize,
  schema: {
    anyOf: [
      { type: "integer", minimum: LEAST, maximum: MOST },
      { type: "string", pattern: SIZE.source },
    ],
  },
};

/** `bytes` in the largest unit that leaves it whole: "300M". */
export function formatSize(bytes: number): string {
  const found = [...UNITS].reverse().find(([, size]) => bytes >= size && bytes % size === 0);
  return found === undefined ? String(bytes) : `${bytes / found[1]}${found[0].toUpperCase()}`;
}

/** Bytes, of a number or of text with a unit; null where it is neither. */
export function bytesOf(value: unknown): number | null {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : null;
  const match = typeof value === "string" ? SIZE.exec(value) : null;
  const unit = UNITS.get(match?.[2]?.toLowerCase() ?? "");
  return match === null || unit === undefined ? null : Math.round(Number(match[1]) * unit);
}

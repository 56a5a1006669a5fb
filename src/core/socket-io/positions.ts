/** How far each member's entries have come, as text: it is what a client keeps and shows when it comes back. Pure. */

import type { Positions } from "./terms.ts";

/** A client may send anything. */
const LONGEST_TEXT = 16 * 1024;
const PART = /^([\w-]{1,32}):([0-9a-z]{1,10})$/;
const BASE = 36;
/** Clients take any text at the end of an event for what they have had: theirs begins with this. */
const MARK = "hf=";

export function textOf(positions: Iterable<readonly [string, number]>): string {
  let text = "";
  for (const [from, n] of positions) {
    if (text !== "") text += ",";
    text += `${from}:${n.toString(BASE)}`;
  }
  return text;
}

/** Null where it is no such text. */
export function positionsOf(text: string): Map<string, number> | null {
  if (text.length > LONGEST_TEXT) return null;
  const positions = new Map<string, number>();
  if (text === "") return positions;
  for (const part of text.split(",")) {
    const [, from, digits] = PART.exec(part) ?? [];
    if (from === undefined || digits === undefined) return null;
    const n = Number.parseInt(digits, BASE);
    if (!Number.isSafeInteger(n)) return null;
    positions.set(from, n);
  }
  return positions;
}

/** What a client keeps. */
export function proofOf(positions: string): string {
  return MARK + positions;
}

/** Null where it is nothing that a client was given. */
export function provenBy(proof: string): Map<string, number> | null {
  return proof.startsWith(MARK) ? positionsOf(proof.slice(MARK.length)) : null;
}

/** What is behind both, of two texts. */
export function lower(one: string, other: string): string {
  const after = positionsOf(other) ?? new Map<string, number>();
  const both = [...(positionsOf(one) ?? [])].map(
    ([from, n]) => [from, Math.min(n, after.get(from) ?? 0)] as const,
  );
  return textOf(both.filter(([, n]) => n > 0));
}

/** Whether the entry with this number is behind them. */
export function covers(positions: Positions, from: string, n: number): boolean {
  return (positions.get(from) ?? 0) >= n;
}

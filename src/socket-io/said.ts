/** What waits for its turn in a member: what it has said to all, and what it does here alone after that. */

import type { Entry } from "../core/socket-io/terms.ts";

export interface Said {
  readonly entry: Entry;
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
  /** It has been delivered. */
  isDone: boolean;
  /** It has come back. */
  isHeard: boolean;
  /** The connection it was sent by; 0: none yet. */
  by: number;
}

/** Something that is done here alone, after all that was said before. */
export interface Local {
  readonly run: () => void;
  isDone: boolean;
}

export function findSaid(items: Iterable<Said | Local>, n: number): Said | undefined {
  for (const item of items) {
    if ("entry" in item && item.entry.n >= n) return item.entry.n === n ? item : undefined;
  }
  return undefined;
}

export function saidOf(entry: Entry, pieces: readonly Buffer[]): Said {
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return { entry, pieces, bytes, isDone: false, isHeard: false, by: 0 };
}

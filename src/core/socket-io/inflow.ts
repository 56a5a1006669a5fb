/** Entries of each member in their order, each once: what comes twice is dropped, what comes too early is held. Pure. */

import type { Entry } from "./terms.ts";

/** Of members that are gone, so many are remembered: clients may still name them. */
const MOST_REMEMBERED = 1000;

/** Entries of one member are missing. */
export interface Gap {
  readonly from: string;
  /** When it was first seen, in ms. */
  readonly since: number;
}

interface Held<E> {
  readonly entries: Map<number, E>;
  readonly since: number;
}

export class Inflow<E extends Entry> {
  readonly #positions = new Map<string, number>();
  readonly #held = new Map<string, Held<E>>();

  /** Up to which number all of each member has come. */
  get positions(): ReadonlyMap<string, number> {
    return this.#positions;
  }

  knows(from: string): boolean {
    return this.#positions.has(from);
  }

  get hasGaps(): boolean {
    return this.#held.size > 0;
  }

  gaps(): readonly Gap[] {
    return [...this.#held].map(([from, { since }]) => ({ from, since }));
  }

  /** An entry has come; `release` is called for all that are due now, each after its position was noted. */
  take(entry: E, now: number, release: (entry: E) => void): void {
    const { from, n } = entry;
    const last = this.#positions.get(from) ?? 0;
    if (n <= last) return;
    if (n > last + 1) return this.#hold(entry, now);
    this.#positions.set(from, n);
    release(entry);
    this.#drain(from, release);
  }

  /** What a member said up to this number is not wanted, unless some of it has come already. */
  begin(from: string, n: number, release: (entry: E) => void): void {
    if (this.#positions.has(from)) return;
    this.#positions.set(from, Math.min(n, this.lowest(from) - 1));
    this.#drain(from, release);
  }

  /** The lowest of a member that waits for others before it; infinity: none does. */
  lowest(from: string): number {
    let lowest = Number.POSITIVE_INFINITY;
    // There may be more of them than a call can have arguments.
    for (const n of this.#held.get(from)?.entries.keys() ?? []) lowest = Math.min(lowest, n);
    return lowest;
  }

  /** The highest of a member that waits for others before it; 0: none does. */
  highest(from: string): number {
    let highest = 0;
    for (const n of this.#held.get(from)?.entries.keys() ?? []) highest = Math.max(highest, n);
    return highest;
  }

  /**
   * What is missing of a member up to this number will not come, as far as something after it waits; gives back how many
   * they were. One that is not known begins with the first that waits.
   */
  passOver(from: string, upTo: number, release: (entry: E) => void): number {
    const waiting = [...(this.#held.get(from)?.entries.keys() ?? [])].sort((a, b) => a - b);
    let missing = 0;
    for (const n of waiting) {
      const last = this.#positions.get(from) ?? n - 1;
      const next = Math.max(last, Math.min(n - 1, upTo));
      missing += next - last;
      this.#positions.set(from, next);
      this.#drain(from, release);
      if (n > upTo) break;
    }
    return missing;
  }

  /** An entry of this process itself, which comes in order by itself. */
  note(from: string, n: number): void {
    this.#positions.set(from, n);
  }

  /** Forgets members that are gone, the oldest first, once there are very many. */
  forget(isGone: (from: string) => boolean): void {
    let over = this.#positions.size - MOST_REMEMBERED;
    for (const from of this.#positions.keys()) {
      if (over <= 0) return;
      if (!isGone(from)) continue;
      this.#positions.delete(from);
      over -= 1;
    }
  }

  #hold(entry: E, now: number): void {
    const { from, n } = entry;
    const held = this.#held.get(from) ?? { entries: new Map<number, E>(), since: now };
    held.entries.set(n, entry);
    this.#held.set(from, held);
  }

  #drain(from: string, release: (entry: E) => void): void {
    const held = this.#held.get(from);
    if (!held) return;
    for (let n = (this.#positions.get(from) ?? 0) + 1; ; n += 1) {
      const entry = held.entries.get(n);
      if (!entry) break;
      held.entries.delete(n);
      this.#positions.set(from, n);
      release(entry);
    }
    if (held.entries.size === 0) this.#held.delete(from);
  }
}

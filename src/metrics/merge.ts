/**
 * Counts that many workers keep, each from its own start, as one count that never goes backwards:
 * a worker adds what it has counted since it was last heard, and what it said stays when it is gone. Pure.
 */

/** No count of one worker is believed above this; below it integers are exact. */
export const LARGEST_COUNT = Number.MAX_SAFE_INTEGER;

/** A count: finite, not negative, not absurd. Null for whatever else a worker says. */
export function countIn(value: unknown): number | null {
  return typeof value === "number" && value >= 0 && value <= LARGEST_COUNT ? value : null;
}

/** Running totals of a few counts, by index. A worker is known by its id, which is never used twice. */
export class Tally {
  readonly #totals: number[] = [];
  /** What each living worker has said at most, by index. */
  readonly #said = new Map<number, number[]>();

  /** The worker has counted `value` since its start. Less than it said before is no news. */
  hear(worker: number, index: number, value: unknown): void {
    const count = countIn(value);
    if (count === null) return;
    const said = this.#said.get(worker) ?? [];
    const more = count - (said[index] ?? 0);
    if (more <= 0) return;
    said[index] = count;
    this.#said.set(worker, said);
    this.#totals[index] = this.at(index) + more;
  }

  /** Several at once, from index 0. */
  hearAll(worker: number, values: readonly unknown[]): void {
    for (const [index, value] of values.entries()) this.hear(worker, index, value);
  }

  /** The worker is gone. Its counts stay; what it takes to hear it is given back. */
  forget(worker: number): void {
    this.#said.delete(worker);
  }

  /** The total of one count; 0 for what nobody has counted yet. */
  at(index: number): number {
    return this.#totals[index] ?? 0;
  }

  /** Living workers that have been heard. */
  get heard(): number {
    return this.#said.size;
  }
}

/** Tallies by key, of a closed set of keys: a worker cannot make it grow. */
export class Tallies<Key> {
  readonly #byKey = new Map<Key, Tally>();

  of(key: Key): Tally {
    const known = this.#byKey.get(key);
    if (known) return known;
    const fresh = new Tally();
    this.#byKey.set(key, fresh);
    return fresh;
  }

  forget(worker: number): void {
    for (const tally of this.#byKey.values()) tally.forget(worker);
  }

  entries(): IterableIterator<[Key, Tally]> {
    return this.#byKey.entries();
  }

  has(key: Key): boolean {
    return this.#byKey.has(key);
  }
}

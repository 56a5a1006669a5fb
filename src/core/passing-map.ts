/**
 * A Map for what comes and goes in a process that lasts. V8 makes a new table of a Map once enough has been added and
 * deleted, and the old table, with all that was in it, leads to the new one (OrderedHashTable::Rehash, Node 20 to 26).
 * An old table that was once promoted keeps every later one alive, and all that was in them, until everything is
 * collected: scavenges find it alive, copy it, and take many times as long. So now and then the entries move to a
 * new Map, which no old table leads to. Pure.
 */

/** At least so many deletions lie between two moves, and as many as there are entries: moving costs less than they did. */
const MOVE_AFTER = 1024;

export class PassingMap<K, V> implements Iterable<[K, V]> {
  #entries = new Map<K, V>();
  #deleted = 0;

  get size(): number {
    return this.#entries.size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
  }

  /** False: there was none. */
  delete(key: K): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#deleted += 1;
    if (this.#deleted >= MOVE_AFTER && this.#deleted >= this.#entries.size) {
      this.#entries = new Map(this.#entries);
      this.#deleted = 0;
    }
    return true;
  }

  clear(): void {
    this.#entries = new Map();
    this.#deleted = 0;
  }

  /** Those that are there now, without what goes meanwhile. */
  *[Symbol.iterator](): Generator<[K, V], void, undefined> {
    for (const entry of [...this.#entries]) {
      const [key, value] = entry;
      if (this.#entries.get(key) === value) yield entry;
    }
  }

  /** The same. */
  *values(): Generator<V, void, undefined> {
    for (const [, value] of this) yield value;
  }
}

/** What waits for a subscriber that takes no more at the moment: within its bytes, by its policy. Pure. */

/**
 * What happens when more waits than may: the oldest is dropped, the newest is turned away, or it waits and
 * its publisher with it.
 */
export const POLICIES = ["drop-oldest", "reject", "wait"] as const;
export type Policy = (typeof POLICIES)[number];

/** What became of something that was to wait. */
export interface Admission<T> {
  readonly isTaken: boolean;
  /** Oldest first. */
  readonly dropped: readonly T[];
}

interface Entry<T> {
  readonly item: T;
  readonly bytes: number;
}

const TAKEN: Admission<never> = { isTaken: true, dropped: [] };
const REJECTED: Admission<never> = { isTaken: false, dropped: [] };
/** So many that have left are forgotten at once. */
const FORGET_FROM = 1024;
/** What waits with its publishers, beyond `maxBytes`: many of them, or one that comes again and again, have an end. */
const WITHHELD_MAX_BYTES = 16 * 1024 * 1024;

/** First in, first out. One alone may be larger than `maxBytes`: it would never get through otherwise. */
export class Waiting<T> {
  readonly policy: Policy;
  readonly #maxBytes: number;
  #entries: (Entry<T> | undefined)[] = [];
  #first = 0;
  #bytes = 0;

  constructor(policy: Policy, maxBytes: number) {
    this.policy = policy;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#entries.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The one that leaves next. */
  get next(): T | undefined {
    return this.#entries[this.#first]?.item;
  }

  /** So many bytes more would be too many: of `wait` the publisher is to wait, too. */
  isOver(bytes: number): boolean {
    return this.size > 0 && this.#bytes + bytes > this.#maxBytes;
  }

  /** `isWithheld`: where the policy is `wait`, whether the publisher waits with it. If not, it makes its own room. */
  push(item: T, bytes: number, isWithheld = true): Admission<T> {
    const isOver = this.isOver(bytes);
    if (isOver && this.policy === "reject") return REJECTED;
    const dropped = isOver ? this.#makeRoom(bytes, this.#most(isWithheld)) : [];
    this.#entries.push({ item, bytes });
    this.#bytes += bytes;
    return dropped.length > 0 ? { isTaken: true, dropped } : TAKEN;
  }

  shift(): T | undefined {
    const entry = this.#entries[this.#first];
    if (entry === undefined) return undefined;
    this.#entries[this.#first] = undefined;
    this.#first += 1;
    this.#bytes -= entry.bytes;
    if (this.size === 0 || this.#first >= FORGET_FROM) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return entry.item;
  }

  /** All that waited, oldest first; nothing waits any more. */
  clear(): readonly T[] {
    return this.#shiftWhile(() => true);
  }

  /** What may wait when one more has come. */
  #most(isWithheld: boolean): number {
    if (this.policy !== "wait") return this.#maxBytes;
    // What waits on its publishers' account does not go for something that waits on nobody's.
    return isWithheld ? this.#maxBytes + WITHHELD_MAX_BYTES : Math.max(this.#maxBytes, this.#bytes);
  }

  #makeRoom(bytes: number, most: number): readonly T[] {
    return this.#shiftWhile(() => this.#bytes + bytes > most);
  }

  #shiftWhile(isMore: () => boolean): readonly T[] {
    const left: T[] = [];
    while (this.size > 0 && isMore()) left.push(this.shift() as T);
    return left;
  }
}

/**
 * What was said lately, in the order in which it was heard here: for clients that come back, and for members that have
 * missed something. Pure; the clock comes in.
 */

import { covers, textOf } from "./positions.ts";
import { type Joined, matches } from "./rooms.ts";
import { type Kept, Shelf } from "./shelf.ts";
import type { Entry, Positions } from "./terms.ts";

/** What is no packet is kept for members only, whose gaps are short. */
const OTHERS_KEPT_MS = 15_000;

export interface LedgerLimits {
  /** How long packets are kept, in ms. */
  readonly keptMs: number;
  /** Packets, and as many other entries; so with the bytes. */
  readonly maxPackets: number;
  readonly maxBytes: number;
}

/** A client that comes back. */
export interface Missing {
  /** What it has had. */
  readonly had: Positions;
  readonly nsp: string;
  readonly joined: readonly Joined[];
  readonly now: number;
}

/** Up to which number packets of a member had to go, and when that one was said. */
export type Dropped = readonly [from: string, n: number, at: number];

/** A packet that a client has missed, with what it has had after that one. */
export interface Missed<E> {
  readonly entry: E;
  readonly offset: string;
}

export class Ledger<E extends Entry> {
  #limits: LedgerLimits;
  readonly #packets = new Shelf<E>();
  /** All else: it has as much room of its own, so that none of it costs a packet its place. */
  readonly #others = new Shelf<E>();
  #place = 0;
  /** Packets that are here, by sender. */
  readonly #senders = new Map<string, number>();
  /** The newest packet of each sender that had to go before its time. */
  readonly #dropped = new Map<string, { readonly n: number; readonly at: number }>();

  constructor(limits: LedgerLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#packets.size + this.#others.size;
  }

  get bytes(): number {
    return this.#packets.bytes + this.#others.bytes;
  }

  /** What one keeps may be needed by another, too: the longest time counts. */
  keep(keptMs: number): void {
    this.#limits = { ...this.#limits, keptMs: Math.max(keptMs, this.#limits.keptMs) };
  }

  append(entry: E): void {
    this.#place += 1;
    if (entry.kind !== "packet") {
      this.#others.push(entry, this.#place);
      while (this.#isOver(this.#others)) this.#others.shift();
      return;
    }
    this.#packets.push(entry, this.#place);
    this.#senders.set(entry.from, (this.#senders.get(entry.from) ?? 0) + 1);
    while (this.#isOver(this.#packets)) {
      const oldest = this.#packets.shift() as E;
      this.#left(oldest);
      this.#dropped.set(oldest.from, oldest);
    }
  }

  /** The newest packets that are not here any more, by sender: for another member. */
  get dropped(): readonly Dropped[] {
    return [...this.#dropped].map(([from, { n, at }]) => [from, n, at] as const);
  }

  /** What a member said up to that number is not here. */
  lack(from: string, n: number, at: number): void {
    if (n > (this.#dropped.get(from)?.n ?? 0)) this.#dropped.set(from, { n, at });
  }

  /** Forgets what is too old. */
  trim(now: number): void {
    this.#others.trim(now - OTHERS_KEPT_MS);
    for (const old of this.#packets.trim(now - this.#limits.keptMs)) this.#left(old);
    for (const [from, { at }] of this.#dropped) {
      if (at < now - this.#limits.keptMs) this.#dropped.delete(from);
    }
  }

  /** What a client has had when the last packet came to it, as text: of those whose packets could be sent again. */
  offset(positions: Positions): string {
    const told: [string, number][] = [];
    // Where something had to go here, another member may still have it.
    for (const from of new Set([...this.#senders.keys(), ...this.#dropped.keys()])) {
      told.push([from, positions.get(from) ?? 0]);
    }
    return textOf(told);
  }

  /** What a member has not had, in order, up to about so many bytes. */
  page(had: Positions, maxBytes: number): { entries: readonly E[]; isLast: boolean } {
    const entries: E[] = [];
    let bytes = 0;
    for (const kept of this.#inOrder()) {
      const { entry } = kept;
      if (covers(had, entry.from, entry.n)) continue;
      if (bytes > maxBytes) return { entries, isLast: false };
      entries.push(entry);
      bytes += kept.bytes;
    }
    return { entries, isLast: true };
  }

  /** Whether what a client has not had is here, as far as it is kept at all. */
  hasAllAfter(had: Positions): boolean {
    for (const [from, { n }] of this.#dropped) if (!covers(had, from, n)) return false;
    return true;
  }

  /** The packets a client has missed, in their order; null: some of them may not be here any more. */
  missed(missing: Missing, positions: Positions): readonly Missed<E>[] | null {
    const { had, nsp, joined, now } = missing;
    if (!this.hasAllAfter(had)) return null;
    const at = new Map<string, number>();
    for (const from of this.#senders.keys()) {
      const n = positions.get(from) ?? 0;
      if (!covers(had, from, n)) at.set(from, n);
    }
    const open = new Set(at.keys());
    const found: Missed<E>[] = [];
    const oldest = now - this.#limits.keptMs;
    for (let index = this.#packets.size - 1; index >= 0 && open.size > 0; index -= 1) {
      const { entry } = this.#packets.at(index) as Kept<E>;
      const { from, n } = entry;
      if (!open.has(from)) continue;
      if (covers(had, from, n)) {
        open.delete(from);
        continue;
      }
      at.set(from, n);
      const isFor = entry.at >= oldest && matches(entry, nsp, joined);
      if (isFor) found.push({ entry, offset: joinedText(had, at) });
      at.set(from, n - 1);
    }
    return found.reverse();
  }

  #isOver({ size, bytes }: Shelf<E>): boolean {
    return size > this.#limits.maxPackets || bytes > this.#limits.maxBytes;
  }

  *#inOrder(): Generator<Kept<E>> {
    let [first, second] = [0, 0];
    for (;;) {
      const packet = this.#packets.at(first);
      const other = this.#others.at(second);
      const isPacket = packet !== undefined && (!other || packet.place < other.place);
      const next = isPacket ? packet : other;
      if (!next) return;
      if (isPacket) first += 1;
      else second += 1;
      yield next;
    }
  }

  #left({ from }: E): void {
    const left = (this.#senders.get(from) ?? 1) - 1;
    if (left > 0) this.#senders.set(from, left);
    else this.#senders.delete(from);
  }
}

/** The client has what it had, and all that was sent before in the order of this list. */
function joinedText(had: Positions, at: Positions): string {
  const all = new Map(had);
  for (const [from, n] of at) if (!covers(all, from, n)) all.set(from, n);
  return textOf(all);
}

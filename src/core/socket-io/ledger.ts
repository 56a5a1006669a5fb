/**
 * What was said lately, in the order in which it was heard here: for clients that come back, and for members that have
 * missed something. Pure; the clock comes in.
 */

import { Backlog } from "./backlog.ts";
import { covers, textOf } from "./positions.ts";
import { type Joined, Memberships } from "./rooms.ts";
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
  /** The packets once more, by sender: in the order of their numbers. */
  readonly #senders = new Map<string, Backlog<Kept<E>>>();
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

  /** A packet that is not newer than those of its sender is here already. */
  append(entry: E): void {
    if (entry.kind === "packet" && this.#isOld(entry)) return;
    this.#place += 1;
    if (entry.kind !== "packet") {
      this.#others.push(entry, this.#place);
      while (this.#isOver(this.#others)) this.#others.shift();
      return;
    }
    const sent = this.#senders.get(entry.from) ?? new Backlog<Kept<E>>();
    this.#senders.set(entry.from, sent);
    sent.push(this.#packets.push(entry, this.#place));
    while (this.#isOver(this.#packets)) {
      const oldest = this.#packets.shift() as E;
      this.#senders.get(oldest.from)?.shift();
      this.#forgetIdle(oldest.from);
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
    const oldest = now - this.#limits.keptMs;
    for (const from of new Set(this.#packets.trim(oldest).map((entry) => entry.from))) {
      this.#senders.get(from)?.keep(({ entry }) => entry.at >= oldest);
      this.#forgetIdle(from);
    }
    for (const [from, { at }] of this.#dropped) if (at < oldest) this.#dropped.delete(from);
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
    const memberships = new Memberships(joined);
    const at = new Map<string, number>();
    const after: Kept<E>[] = [];
    for (const [from, sent] of this.#senders) {
      const n = positions.get(from) ?? 0;
      if (covers(had, from, n)) continue;
      at.set(from, n);
      for (const kept of sent.from(({ entry }) => !covers(had, from, entry.n))) after.push(kept);
    }
    after.sort((one, other) => other.place - one.place);
    const found: Missed<E>[] = [];
    const oldest = now - this.#limits.keptMs;
    for (const { entry } of after) {
      at.set(entry.from, entry.n);
      const isFor = entry.at >= oldest && memberships.hasGot(entry, nsp);
      if (isFor) found.push({ entry, offset: joinedText(had, at) });
      at.set(entry.from, entry.n - 1);
    }
    return found.reverse();
  }

  #isOld({ from, n }: E): boolean {
    const sent = this.#senders.get(from);
    const last = sent?.at(sent.length - 1);
    return last !== undefined && n <= last.entry.n;
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

  #forgetIdle(from: string): void {
    if (this.#senders.get(from)?.length === 0) this.#senders.delete(from);
  }
}

/** The client has what it had, and all that was sent before in the order of this list. */
function joinedText(had: Positions, at: Positions): string {
  const all = new Map(had);
  for (const [from, n] of at) if (!covers(all, from, n)) all.set(from, n);
  return textOf(all);
}

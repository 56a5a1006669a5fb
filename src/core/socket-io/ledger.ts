/**
 * What was said lately, in the order in which it was heard here: for clients that come back, and for members that have
 * missed something. Pure; the clock comes in.
 */

import { covers, textOf } from "./positions.ts";
import { type Joined, matches } from "./rooms.ts";
import type { Entry, PacketMeta, Positions } from "./terms.ts";

/** What is no packet is kept for members only, whose gaps are short. */
const OTHERS_KEPT_MS = 15_000;
/** What an entry takes beside its data, roughly. */
const ENTRY_BYTES = 400;

export interface LedgerLimits {
  /** How long packets are kept, in ms. */
  readonly keptMs: number;
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

/** A packet that a client has missed, with what it has had after that one. */
export interface Missed<E> {
  readonly entry: E;
  readonly offset: string;
}

export class Ledger<E extends Entry> {
  #limits: LedgerLimits;
  #entries: E[] = [];
  /** How many at the front are gone: a list is not moved for each. */
  #gone = 0;
  #bytes = 0;
  /** Packets that are here, by sender. */
  readonly #packets = new Map<string, number>();
  /** The newest packet of each sender that had to go before its time. */
  readonly #dropped = new Map<string, { readonly n: number; readonly at: number }>();

  constructor(limits: LedgerLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.length - this.#gone;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What one keeps may be needed by another, too: the longest time counts. */
  keep(keptMs: number): void {
    this.#limits = { ...this.#limits, keptMs: Math.max(keptMs, this.#limits.keptMs) };
  }

  append(entry: E): void {
    this.#entries.push(entry);
    this.#bytes += bytesOf(entry);
    if (entry.kind === "packet") {
      this.#packets.set(entry.from, (this.#packets.get(entry.from) ?? 0) + 1);
    }
    while (this.size > this.#limits.maxPackets || this.#bytes > this.#limits.maxBytes) {
      const oldest = this.#entries[this.#gone] as E;
      this.#gone += 1;
      this.#left(oldest);
      if (oldest.kind === "packet") this.#dropped.set(oldest.from, oldest);
    }
    if (this.#gone > 1000) this.#tidy();
  }

  /** Forgets what is too old. */
  trim(now: number): void {
    this.#tidy();
    this.#entries = this.#entries.filter((entry) => {
      const isKept = entry.at >= now - this.#keptMs(entry);
      if (!isKept) this.#left(entry);
      return isKept;
    });
    for (const [from, { at }] of this.#dropped) {
      if (at < now - this.#limits.keptMs) this.#dropped.delete(from);
    }
  }

  /** What a client has had when the last packet came to it, as text: of those whose packets could be sent again. */
  offset(positions: Positions): string {
    const told: [string, number][] = [];
    // Where something had to go here, another member may still have it.
    for (const from of new Set([...this.#packets.keys(), ...this.#dropped.keys()])) {
      told.push([from, positions.get(from) ?? 0]);
    }
    return textOf(told);
  }

  /** What a member has not had, in order, up to about so many bytes. */
  page(had: Positions, maxBytes: number): { entries: readonly E[]; isLast: boolean } {
    const entries: E[] = [];
    let bytes = 0;
    for (let index = this.#gone; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index] as E;
      if (covers(had, entry.from, entry.n)) continue;
      if (bytes > maxBytes) return { entries, isLast: false };
      entries.push(entry);
      bytes += bytesOf(entry);
    }
    return { entries, isLast: true };
  }

  /** The packets a client has missed, in their order; null: some of them may not be here any more. */
  missed(missing: Missing, positions: Positions): readonly Missed<E>[] | null {
    const { had, nsp, joined, now } = missing;
    for (const [from, { n }] of this.#dropped) if (!covers(had, from, n)) return null;
    const at = new Map<string, number>();
    for (const from of this.#packets.keys()) {
      const n = positions.get(from) ?? 0;
      if (!covers(had, from, n)) at.set(from, n);
    }
    const open = new Set(at.keys());
    const found: Missed<E>[] = [];
    const oldest = now - this.#limits.keptMs;
    for (let index = this.#entries.length - 1; index >= this.#gone && open.size > 0; index -= 1) {
      const entry = this.#entries[index] as E;
      const { from, n } = entry;
      if (!open.has(from)) continue;
      if (covers(had, from, n)) {
        open.delete(from);
        continue;
      }
      at.set(from, n);
      const isFor = entry.kind === "packet" && entry.at >= oldest && matches(entry, nsp, joined);
      if (isFor) found.push({ entry, offset: joinedText(had, at) });
      at.set(from, n - 1);
    }
    return found.reverse();
  }

  #keptMs({ kind }: E): number {
    return kind === "packet" ? this.#limits.keptMs : OTHERS_KEPT_MS;
  }

  #left(entry: E): void {
    this.#bytes -= bytesOf(entry);
    if (entry.kind !== "packet") return;
    const left = (this.#packets.get(entry.from) ?? 1) - 1;
    if (left > 0) this.#packets.set(entry.from, left);
    else this.#packets.delete(entry.from);
  }

  #tidy(): void {
    this.#entries = this.#entries.slice(this.#gone);
    this.#gone = 0;
  }
}

/** The client has what it had, and all that was sent before in the order of this list. */
function joinedText(had: Positions, at: Positions): string {
  const all = new Map(had);
  for (const [from, n] of at) if (!covers(all, from, n)) all.set(from, n);
  return textOf(all);
}

function bytesOf({ body, meta }: Entry): number {
  const { rooms = [], except = [] } = (meta ?? {}) as Partial<PacketMeta>;
  return body.byteLength + ENTRY_BYTES + 40 * (rooms.length + except.length);
}

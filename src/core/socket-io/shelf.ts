/** Entries in the order in which they came, with what they take: the oldest goes first. Pure. */

import { Backlog } from "./backlog.ts";
import type { Entry, PacketMeta } from "./terms.ts";

/** What an entry takes beside its data, roughly. */
const ENTRY_BYTES = 400;
/** Kinds whose data is in what they say about themselves: sessions. */
const TELLING = ["sessions", "moved"];

export interface Kept<E> {
  readonly entry: E;
  /** Its place among those of all shelves. */
  readonly place: number;
  readonly bytes: number;
}

export class Shelf<E extends Entry> {
  readonly #all = new Backlog<Kept<E>>();
  #bytes = 0;

  get size(): number {
    return this.#all.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  at(index: number): Kept<E> | undefined {
    return this.#all.at(index);
  }

  push(entry: E, place: number): Kept<E> {
    const kept = { entry, place, bytes: bytesOf(entry) };
    this.#all.push(kept);
    this.#bytes += kept.bytes;
    return kept;
  }

  shift(): E | undefined {
    const oldest = this.#all.shift();
    if (!oldest) return undefined;
    this.#bytes -= oldest.bytes;
    return oldest.entry;
  }

  /** Gives back what is older than that, which goes. */
  trim(oldest: number): readonly E[] {
    const old = [...this.#all].filter(({ entry }) => entry.at < oldest);
    if (old.length > 0) this.#all.keep(({ entry }) => entry.at >= oldest);
    for (const { bytes } of old) this.#bytes -= bytes;
    return old.map(({ entry }) => entry);
  }
}

function bytesOf({ kind, body, meta }: Entry): number {
  const { rooms = [], except = [] } = (meta ?? {}) as Partial<PacketMeta>;
  const told = TELLING.includes(kind) ? JSON.stringify(meta).length : 0;
  return body.byteLength + ENTRY_BYTES + told + 40 * (rooms.length + except.length);
}

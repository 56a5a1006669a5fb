/** Whether a packet was for a client, by the rooms it was in when the packet was sent. Pure. */

import { covers } from "./positions.ts";
import type { Entry, PacketMeta, Positions } from "./terms.ts";

/** Rooms, and what had been sent in its worker before the client joined them. */
export interface Joined {
  readonly since: Positions;
  readonly rooms: readonly string[];
}

/** What a client was in, to be asked for many packets. */
export class Memberships {
  readonly #since = new Map<string, Positions[]>();
  /** The first has the client's own room: it is as old as the session. */
  readonly #began: Positions | undefined;

  constructor(joined: readonly Joined[]) {
    this.#began = joined[0]?.since;
    for (const { since, rooms } of joined) {
      for (const room of rooms) {
        const all = this.#since.get(room);
        if (all) all.push(since);
        else this.#since.set(room, [since]);
      }
    }
  }

  /** Whether the packet was for it. */
  hasGot({ from, n, meta }: Entry, nsp: string): boolean {
    const { rooms, except, nsp: where } = meta as PacketMeta;
    if (where !== nsp) return false;
    const isIn = (name: string): boolean =>
      this.#since.get(name)?.some((since) => !covers(since, from, n)) ?? false;
    if (except.some(isIn)) return false;
    if (rooms.length > 0) return rooms.some(isIn);
    return this.#began !== undefined && !covers(this.#began, from, n);
  }
}

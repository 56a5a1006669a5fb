/** Whether a packet was for a client, by the rooms it was in when the packet was sent. Pure. */

import { covers } from "./positions.ts";
import type { Entry, PacketMeta, Positions } from "./terms.ts";

/** Rooms, and what had been sent in its worker before the client joined them. */
export interface Joined {
  readonly since: Positions;
  readonly rooms: readonly string[];
}

/** The first of `joined` has the client's own room: it is as old as the session. */
export function matches(entry: Entry, nsp: string, joined: readonly Joined[]): boolean {
  const { rooms, except, nsp: where } = entry.meta as PacketMeta;
  if (where !== nsp) return false;
  const isIn = (names: readonly string[]): boolean =>
    joined.some(
      (each) =>
        names.some((name) => each.rooms.includes(name)) && !covers(each.since, entry.from, entry.n),
    );
  if (except.length > 0 && isIn(except)) return false;
  if (rooms.length > 0) return isIn(rooms);
  const [first] = joined;
  return first !== undefined && !covers(first.since, entry.from, entry.n);
}

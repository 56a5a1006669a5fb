/**
 * Who was in which room when something was said. What a process says comes to its own sockets later, in the one order of
 * all; its sockets' own joins and leaves count at once. So those that come after something was said, and before its turn,
 * are noted here: it is for those who were there when it was said. Pure.
 */

import { Backlog } from "./backlog.ts";

/** Where something stands among all that this process has said, and its sockets have done. */
export interface Place {
  readonly at: number;
  /** It changes who is in which room. */
  readonly isAct: boolean;
  /** By what it is known when it comes. */
  readonly key: object | null;
  isOver: boolean;
}

/** A socket and a room; null: the namespace itself. */
interface Pair {
  readonly sid: string;
  readonly room: string | null;
  /** Whether it was in it before all these changes. */
  isIn: boolean;
  readonly changes: Change[];
}

interface Change {
  readonly pair: Pair;
  /** The last that had been said. */
  readonly after: number;
  isIn: boolean;
}

/** Which sockets something is for. No rooms: all. */
interface Rooms {
  readonly rooms: ReadonlySet<string>;
  readonly except?: ReadonlySet<string> | undefined;
}

/** As it is now. */
interface Members {
  readonly rooms: ReadonlyMap<string, ReadonlySet<string>>;
  readonly sids: ReadonlyMap<string, unknown>;
}

export class Roster {
  #last = 0;
  #acts = 0;
  /** What was said and has not had its turn. */
  readonly #waiting = new Backlog<Place>();
  readonly #places = new Map<object, Place>();
  readonly #pairs = new Map<string | null, Map<string, Pair>>();
  readonly #roomsOf = new Map<string, Set<string | null>>();
  /** In the order of their time. */
  readonly #changes = new Backlog<Change>();

  /** Something waits that changes who is in which room. */
  get hasActs(): boolean {
    return this.#acts > 0;
  }

  /** Something is said. */
  said(isAct: boolean, key: object | null = null): Place {
    this.#last += 1;
    const place = { at: this.#last, isAct, key, isOver: false };
    this.#waiting.push(place);
    if (isAct) this.#acts += 1;
    if (key) this.#places.set(key, place);
    return place;
  }

  /** Null: it was not said here. */
  placeOf(key: object): Place | null {
    return this.#places.get(key) ?? null;
  }

  /** It has had its turn. */
  over(place: Place): void {
    if (place.isOver) return;
    place.isOver = true;
    if (place.isAct) this.#acts -= 1;
    if (place.key) this.#places.delete(place.key);
    while (this.#waiting.at(0)?.isOver) this.#waiting.shift();
    const first = this.#waiting.at(0)?.at ?? Number.POSITIVE_INFINITY;
    for (;;) {
      const oldest = this.#changes.at(0);
      if (!oldest || oldest.after >= first) return;
      this.#changes.shift();
      this.#settle(oldest);
    }
  }

  /** A socket joins or leaves by itself. */
  changed(sid: string, room: string | null, isIn: boolean, wasIn: boolean): void {
    if (this.#waiting.length === 0) return;
    const pair = this.#find(sid, room) ?? this.#add({ sid, room, isIn: wasIn, changes: [] });
    const newest = pair.changes.at(-1);
    if (newest?.after === this.#last) {
      newest.isIn = isIn;
      return;
    }
    const change = { pair, after: this.#last, isIn };
    pair.changes.push(change);
    this.#changes.push(change);
  }

  /** What has its turn puts a socket into a room, or out of it: true where the socket has not changed that since. */
  put(place: Place, sid: string, room: string, isIn: boolean): boolean {
    const pair = this.#find(sid, room);
    if (!pair) return true;
    pair.isIn = isIn;
    while (pair.changes[0] && pair.changes[0].after < place.at) pair.changes.shift();
    if (pair.changes.length > 0) return false;
    this.#drop(pair);
    return true;
  }

  /** Another process does: that counts in the order in which it comes. */
  overrule(sid: string, room: string | null): void {
    const pair = this.#find(sid, room);
    if (pair) this.#drop(pair);
  }

  gone(sid: string): void {
    for (const room of [...(this.#roomsOf.get(sid) ?? [])]) this.overrule(sid, room);
  }

  /** For whom it was when it was said; null: for those for whom it would be now. */
  aimed(place: Place, { rooms, except }: Rooms, now: Members): Set<string> | null {
    if (this.#pairs.size === 0) return null;
    const names = [null, ...rooms, ...(except ?? [])];
    if (!names.some((name) => this.#pairs.has(name))) return null;
    const found = rooms.size > 0 ? this.#in(place, rooms, now) : new Set(now.sids.keys());
    for (const sid of this.#in(place, except ?? [], now)) found.delete(sid);
    const late = this.#pairs.get(null) ?? new Map<string, Pair>();
    // Of those that have come since there may be very many.
    for (const sid of found.size < late.size ? found : late.keys()) {
      const pair = late.get(sid);
      if (pair && !wasIn(pair, place)) found.delete(sid);
    }
    return found;
  }

  #in(place: Place, rooms: Iterable<string>, now: Members): Set<string> {
    const found = new Set<string>();
    for (const room of rooms) {
      const pairs = this.#pairs.get(room);
      for (const sid of now.rooms.get(room) ?? []) if (!pairs?.has(sid)) found.add(sid);
      for (const [sid, pair] of pairs ?? []) if (wasIn(pair, place)) found.add(sid);
    }
    return found;
  }

  #settle(change: Change): void {
    const { pair, isIn } = change;
    if (pair.changes[0] !== change) return;
    pair.changes.shift();
    pair.isIn = isIn;
    if (pair.changes.length === 0) this.#drop(pair);
  }

  #find(sid: string, room: string | null): Pair | undefined {
    return this.#pairs.get(room)?.get(sid);
  }

  #add(pair: Pair): Pair {
    const { sid, room } = pair;
    const pairs = this.#pairs.get(room) ?? new Map<string, Pair>();
    this.#pairs.set(room, pairs.set(sid, pair));
    this.#roomsOf.set(sid, (this.#roomsOf.get(sid) ?? new Set()).add(room));
    return pair;
  }

  #drop(pair: Pair): void {
    const { sid, room } = pair;
    const pairs = this.#pairs.get(room);
    if (pairs?.get(sid) !== pair) return;
    pairs.delete(sid);
    if (pairs.size === 0) this.#pairs.delete(room);
    const rooms = this.#roomsOf.get(sid);
    rooms?.delete(room);
    if (rooms?.size === 0) this.#roomsOf.delete(sid);
  }
}

function wasIn({ isIn, changes }: Pair, { at }: Place): boolean {
  return changes.findLast(({ after }) => after < at)?.isIn ?? isIn;
}

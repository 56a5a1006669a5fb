/**
 * The sessions of this process's own clients: told to all members at each change, so that any of them can go on. Whole
 * the first time and the last, else what has changed: a client may be in very many rooms.
 */

import { bySince, type JoinedText } from "../core/socket-io/joined.ts";
import { lower } from "../core/socket-io/positions.ts";
import type { SessionNews } from "../core/socket-io/session.ts";
import { sayAll } from "./batches.ts";

/** Data is the app's own object: it is looked at now and then. */
const LOOK_AT_DATA_EVERY_MS = 500;

export interface BookSocket {
  readonly id: string;
  readonly pid?: string;
  readonly data: unknown;
}

export interface BookPort {
  readonly nsp: string;
  /** What a client has had that joins now, as text. */
  since(): string;
  /** Throws where it is too much for one message. */
  say(news: readonly SessionNews[]): void;
  /** One cannot be told. */
  unusable(error: unknown): void;
}

/** A session that goes on here: what its client joined when, and which owner this process is. */
export interface Known {
  readonly joined: JoinedText;
  readonly turn: number;
}

interface Page {
  readonly socket: BookSocket;
  readonly pid: string;
  readonly turn: number;
  /** Each room, and since when. */
  readonly rooms: Map<string, string>;
  /** Those joined and left since it was told last. */
  readonly added: Map<string, string>;
  readonly left: Set<string>;
  /** When it was told last; null: it is to be told whole. */
  step: number | null;
  /** The data that was told last, as text. */
  data: string;
  /** That its data cannot be kept was told. */
  isUnusable: boolean;
}

export class Book {
  readonly #port: BookPort;
  readonly #pages = new Map<string, Page>();
  readonly #changed = new Set<Page>();
  readonly #over: SessionNews[] = [];
  /** One that has left all rooms joins some again: it is the same owner's still. */
  readonly #turns = new WeakMap<BookSocket, number>();
  #step = 0;
  readonly #timer: NodeJS.Timeout;
  #isFlushing = false;

  constructor(port: BookPort) {
    this.#port = port;
    this.#timer = setInterval(() => this.#look(), LOOK_AT_DATA_EVERY_MS).unref();
  }

  has(sid: string): boolean {
    return this.#pages.has(sid);
  }

  /** A client is there, in these rooms. `known`: its session as it was. */
  open(socket: BookSocket, rooms: Iterable<string>, known: Known | null): void {
    if (socket.pid === undefined) return;
    const { joined = [], turn = this.#turns.get(socket) ?? 0 } = known ?? {};
    const page: Page = {
      ...{ socket, pid: socket.pid, turn, rooms: new Map(), added: new Map(), left: new Set() },
      ...{ step: null, data: "", isUnusable: false },
    };
    // The client's own room is as old as its session.
    const own = joined.find(([, names]) => names.includes(socket.id))?.[0] ?? this.#port.since();
    page.rooms.set(socket.id, own);
    // A middleware may have taken it out of some of them on its way in.
    const now = new Set(rooms);
    for (const [since, names] of joined) {
      for (const name of names) if (now.has(name)) page.rooms.set(name, since);
    }
    this.#pages.set(socket.id, page);
    this.#turns.set(socket, turn);
    this.joined(socket.id, now);
    this.#note(page);
  }

  /** `isActing`: it is put into them, also where it is in them by now. */
  joined(sid: string, rooms: Iterable<string>, isActing = false): void {
    const page = this.#pages.get(sid);
    if (!page) return;
    let since: string | null = null;
    for (const room of rooms) {
      const known = page.rooms.get(room);
      if (known !== undefined && !(isActing && room !== sid)) continue;
      since ??= this.#port.since();
      const from = known === undefined ? since : lower(known, since);
      if (from === known) continue;
      if (known !== undefined) page.left.add(room);
      page.rooms.set(room, from);
      page.added.set(room, from);
      this.#note(page);
    }
  }

  left(sid: string, room: string): void {
    const page = this.#pages.get(sid);
    if (!page?.rooms.delete(room)) return;
    page.added.delete(room);
    page.left.add(room);
    this.#note(page);
  }

  /** The client's connection is lost, and it may come back. */
  lost(sid: string): void {
    const page = this.#pages.get(sid);
    if (!page) return;
    this.#remove(page);
    this.#over.push(this.#newsOf(page, "left"));
    this.flush();
  }

  /** The client is gone for good. */
  end(sid: string): void {
    const page = this.#pages.get(sid);
    if (!page) return;
    this.#remove(page);
    this.#over.push(asOver(this.#newsOf(page, "over")));
    this.#flushLater();
  }

  /** The session goes on elsewhere: what it is like. */
  take(pid: string): { socket: BookSocket; joined: JoinedText; data: unknown } | null {
    for (const page of this.#pages.values()) {
      if (page.pid !== pid) continue;
      this.#remove(page);
      const { joined, data } = this.#newsOf(page, "left");
      return { socket: page.socket, joined, data };
    }
    return null;
  }

  /** Somebody took them for gone, or has missed something of them. */
  retell(): void {
    for (const page of this.#pages.values()) {
      page.step = null;
      this.#note(page);
    }
  }

  flush(): void {
    const pages = new Map<SessionNews, Page>();
    for (const page of this.#changed) pages.set(this.#newsOf(page, "on"), page);
    this.#changed.clear();
    const untold = (news: SessionNews, error: unknown): void => {
      const page = pages.get(news);
      // What changes next would build on what nobody knows.
      if (page) page.step = null;
      // Nobody could go on with it as it was in the end.
      else if (news.state === "left") this.#port.say([asOver(news)]);
      this.#port.unusable(error);
    };
    sayAll([...pages.keys(), ...this.#over.splice(0)], this.#port.say, untold);
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }

  #remove(page: Page): void {
    this.#pages.delete(page.socket.id);
    this.#changed.delete(page);
  }

  #note(page: Page): void {
    this.#changed.add(page);
    this.#flushLater();
  }

  /** What happens in one turn is told at once. */
  #flushLater(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      this.flush();
    });
  }

  #newsOf(page: Page, state: SessionNews["state"]): SessionNews {
    const { pid, turn, socket, step: after } = page;
    const before = page.data;
    page.data = this.#dataOf(page);
    this.#step += 1;
    page.step = this.#step;
    const news = { nsp: this.#port.nsp, pid, sid: socket.id, turn, step: page.step, state };
    const isChange = after !== null && state === "on";
    const joined = bySince(isChange ? page.added : page.rooms);
    const left = isChange ? [...page.left] : [];
    page.added.clear();
    page.left.clear();
    if (isChange && page.data === before) return { ...news, after, joined, left };
    const data: unknown = JSON.parse(page.data);
    return { ...news, after: isChange ? after : null, joined, left, data };
  }

  #dataOf(page: Page): string {
    try {
      const data = JSON.stringify(page.socket.data ?? {}) ?? "{}";
      page.isUnusable = false;
      return data;
    } catch (error) {
      if (!page.isUnusable) this.#port.unusable(error);
      page.isUnusable = true;
      return page.data || "{}";
    }
  }

  #look(): void {
    for (const page of this.#pages.values()) {
      if (!this.#changed.has(page) && this.#dataOf(page) !== page.data) this.#note(page);
    }
  }
}

/** That it is over is all that counts then. */
function asOver(news: SessionNews): SessionNews {
  return { ...news, after: null, joined: [], left: [], data: undefined, state: "over" };
}

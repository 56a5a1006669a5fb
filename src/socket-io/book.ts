/** The sessions of this process's own clients: told to all members at each change, so that any of them can go on. */

import type { JoinedText, SessionNews } from "../core/socket-io/sessions.ts";

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
  say(news: readonly SessionNews[]): void;
  unusable(error: unknown): void;
}

interface Page {
  readonly socket: BookSocket;
  readonly pid: string;
  /** Each room, and since when. */
  readonly rooms: Map<string, string>;
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
  readonly #timer: NodeJS.Timeout;
  #isFlushing = false;

  constructor(port: BookPort) {
    this.#port = port;
    this.#timer = setInterval(() => this.#look(), LOOK_AT_DATA_EVERY_MS).unref();
  }

  has(sid: string): boolean {
    return this.#pages.has(sid);
  }

  /** A client is there. `known`: its session as it was, with what it joined when. */
  open(socket: BookSocket, rooms: Iterable<string>, known: JoinedText): void {
    if (socket.pid === undefined) return;
    const page: Page = { socket, pid: socket.pid, rooms: new Map(), data: "", isUnusable: false };
    // The client's own room is as old as its session.
    const own = known.find(([, names]) => names.includes(socket.id))?.[0] ?? this.#port.since();
    page.rooms.set(socket.id, own);
    for (const [since, names] of known) for (const name of names) page.rooms.set(name, since);
    this.#pages.set(socket.id, page);
    this.joined(socket.id, rooms);
    this.#note(page);
  }

  joined(sid: string, rooms: Iterable<string>): void {
    const page = this.#pages.get(sid);
    if (!page) return;
    let since: string | null = null;
    for (const room of rooms) {
      if (page.rooms.has(room)) continue;
      since ??= this.#port.since();
      page.rooms.set(room, since);
      this.#note(page);
    }
  }

  left(sid: string, room: string): void {
    const page = this.#pages.get(sid);
    if (page?.rooms.delete(room)) this.#note(page);
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
    this.#over.push(this.#newsOf(page, "over"));
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

  /** Somebody took them for gone. */
  retell(): void {
    for (const page of this.#pages.values()) this.#note(page);
  }

  flush(): void {
    const news = [...this.#changed].map((page) => this.#newsOf(page, "on"));
    this.#changed.clear();
    news.push(...this.#over.splice(0));
    if (news.length > 0) this.#port.say(news);
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
    const joined = new Map<string, string[]>();
    for (const [room, since] of page.rooms) {
      const rooms = joined.get(since);
      if (rooms) rooms.push(room);
      else joined.set(since, [room]);
    }
    page.data = this.#dataOf(page);
    const { nsp } = this.#port;
    const { pid, socket } = page;
    const data: unknown = JSON.parse(page.data);
    return { nsp, pid, sid: socket.id, joined: [...joined], data, state };
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

/** What members know of sessions, in whatever order they hear of them. */

import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { bySince } from "../../src/core/socket-io/joined.ts";
import type { ClaimTerms, Moved, Session, SessionNews } from "../../src/core/socket-io/session.ts";
import { Sessions } from "../../src/core/socket-io/sessions.ts";
import { Book } from "../../src/socket-io/book.ts";

const MEMBERS = ["a", "b", "c"] as const;
const ALIVE = (): boolean => true;
const books: Book[] = [];

afterEach(() => {
  for (const book of books.splice(0)) book.close();
});

/** Something that a member says to all. */
interface Said {
  readonly from: string;
  readonly kind: "sessions" | "claim" | "moved";
  readonly meta: unknown;
}

interface Act {
  readonly what: "join" | "leave" | "data" | "lost" | "claim" | "retell" | "end";
  readonly who: number;
  readonly room: number;
  /** Its client is let in. */
  readonly isIn: boolean;
}

function bookOf(say: (news: readonly SessionNews[]) => void): Book {
  let now = 0;
  const since = (): string => `a:${++now}`;
  const book = new Book({ nsp: "/", since, say, unusable: () => {} });
  books.push(book);
  return book;
}

/** One session as it goes from member to member: what these say, in its order. */
class History {
  readonly said: Said[] = [];
  readonly #books = MEMBERS.map((from) =>
    bookOf((meta) => void this.said.push({ from, kind: "sessions", meta })),
  );
  #owner = 0;
  #turn = 0;
  #socket = { id: "s", pid: "p", data: {} as object };
  #last = { joined: bySince([]), data: {} as unknown };
  isOver = false;

  constructor() {
    this.#book.open(this.#socket, [], null);
    this.#book.flush();
  }

  get #book(): Book {
    return this.#books[this.#owner] as Book;
  }

  act({ what, who, room, isIn }: Act): void {
    if (this.isOver) return;
    const name = `room ${room}`;
    if (what === "join") this.#book.joined("s", [name]);
    else if (what === "leave") this.#book.left("s", name);
    else if (what === "data") this.#socket.data = { room };
    else if (what === "retell") this.#book.retell();
    else if (what === "claim") this.#claim(who, isIn);
    else if (this.#book.has("s")) this.#leave(what === "lost");
    this.#book.flush();
  }

  /** Who has it last tells all of it. */
  settle(): void {
    if (this.isOver) return;
    if (!this.#book.has("s")) this.#letIn();
    this.#book.retell();
    this.#book.flush();
  }

  #claim(who: number, isIn: boolean): void {
    const terms = { nsp: "/", pid: "p", turn: this.#turn };
    this.said.push({ from: MEMBERS[who] as string, kind: "claim", meta: terms });
    const { joined, data } = this.#book.take("p") ?? this.#last;
    this.#last = { joined, data };
    const moved = { ...terms, joined, data } satisfies Moved;
    this.said.push({ from: MEMBERS[this.#owner] as string, kind: "moved", meta: moved });
    this.#owner = who;
    this.#turn += 1;
    if (isIn) this.#letIn();
  }

  #letIn(): void {
    this.#socket = { id: "s", pid: "p", data: this.#last.data as object };
    const { joined } = this.#last;
    const rooms = joined.flatMap(([, names]) => names);
    this.#book.open(this.#socket, rooms, { joined, turn: this.#turn });
  }

  #leave(isLost: boolean): void {
    const before = this.said.length;
    if (isLost) this.#book.lost("s");
    else this.#book.end("s");
    this.#book.flush();
    this.isOver = !isLost;
    for (const { meta } of this.said.slice(before))
      this.#last = (meta as [SessionNews])[0] as never;
  }
}

/** What a member knows that hears all this in this order. */
function viewOf(said: readonly Said[]): Partial<Session> | undefined {
  const sessions = new Sessions(10);
  for (const { from, kind, meta } of said) {
    if (kind === "claim") sessions.claim(meta as ClaimTerms, from, 1, ALIVE);
    else if (kind === "moved") sessions.moved(meta as Moved, from);
    else for (const news of meta as SessionNews[]) expect(sessions.heard(news, from, 1)).toBe(true);
  }
  const session = sessions.find("/", "p");
  if (!session) return undefined;
  const { owner, turn, joined, data, leftAt } = session;
  return { owner, turn, joined, data, leftAt };
}

/** Each member's in their order, however those of different ones come. */
function mixed(said: readonly Said[], picks: readonly number[]): readonly Said[] {
  const queues = MEMBERS.map((member) => said.filter(({ from }) => from === member));
  const order: Said[] = [];
  for (let pick = 0; order.length < said.length; pick += 1) {
    const open = queues.filter((queue) => queue.length > 0);
    const queue = open[(picks[pick % picks.length] ?? 0) % open.length];
    order.push(queue?.shift() as Said);
  }
  return order;
}

const ACTS = fc.array(
  fc.record({
    what: fc.constantFrom<Act["what"]>(
      ...(["join", "join", "leave", "data", "lost", "claim", "claim", "retell", "end"] as const),
    ),
    who: fc.nat(2),
    room: fc.nat(3),
    isIn: fc.boolean(),
  }),
  { maxLength: 14 },
);

describe("what members know of a session", () => {
  const picks = fc.array(fc.nat(5), { minLength: 40, maxLength: 40 });

  it("is the same in the end, in whatever order they have heard what others say of it", () => {
    fc.assert(
      fc.property(ACTS, picks, (acts, order) => {
        const history = new History();
        for (const act of acts) history.act(act);
        const known = viewOf(history.said);
        expect(known === undefined).toBe(history.isOver);
        expect(viewOf(mixed(history.said, order))).toEqual(known);
      }),
      { numRuns: 500 },
    );
  });

  it("is the same once its owner tells all of it, also to those who have missed how it came by it", () => {
    fc.assert(
      fc.property(ACTS, picks, picks, (acts, order, missed) => {
        const history = new History();
        for (const act of acts) history.act(act);
        history.settle();
        const heard = history.said.filter(
          ({ kind }, index) => kind === "sessions" || (missed[index % missed.length] ?? 0) > 2,
        );
        expect(viewOf(mixed(heard, order))).toEqual(viewOf(history.said));
      }),
      { numRuns: 500 },
    );
  });

  it("is older where an older owner tells it, also to one that had not heard of it yet", () => {
    const told = { nsp: "/", pid: "p", sid: "s", after: null, left: [], state: "on" } as const;
    const sessions = new Sessions(10);
    sessions.heard({ ...told, turn: 3, step: 1, joined: [["", ["new"]]], data: 3 }, "b", 0);
    sessions.heard({ ...told, turn: 2, step: 9, joined: [["", ["old"]]], data: 2 }, "a", 1);
    expect(sessions.find("/", "p")).toMatchObject({ owner: "b", turn: 3, data: 3 });
    expect(sessions.claim({ nsp: "/", pid: "p", turn: 0 }, "c", 2, ALIVE).kind).toBe("refused");
    expect(sessions.claim({ nsp: "/", pid: "p", turn: 3 }, "c", 2, ALIVE).kind).toBe("awaited");
  });

  it("is the same where two think that they have it, whoever is heard first", () => {
    const told = { nsp: "/", pid: "p", sid: "s", after: null, left: [], state: "on" } as const;
    const tell = (from: string): Said => {
      const news: SessionNews = { ...told, turn: 1, step: 1, joined: [["", [from]]], data: {} };
      return { from, kind: "sessions", meta: [news] };
    };
    const claims = ["b", "c"].map((from): Said => {
      return { from, kind: "claim", meta: { nsp: "/", pid: "p", turn: 0 } };
    });
    const begin: Said = {
      from: "a",
      kind: "sessions",
      meta: [{ ...told, turn: 0, step: 1, joined: [], data: {} }],
    };
    const all = [...claims, tell("b"), tell("c")];
    for (const said of [all, [...all].reverse()]) {
      expect(viewOf([begin, ...said])).toMatchObject({
        owner: "b",
        turn: 1,
        joined: [["", ["b"]]],
      });
    }
  });
});

describe("a client in very many rooms", () => {
  it("costs as much as what changes, and is known whole", () => {
    const sessions = new Sessions(10);
    let bytes = 0;
    const book = bookOf((news) => {
      bytes += JSON.stringify(news).length;
      for (const each of news) sessions.heard(each, "a", 0);
    });
    book.open({ id: "s", pid: "p", data: { name: "x".repeat(1000) } }, [], null);
    for (let room = 0; room < 1000; room += 1) {
      book.joined("s", [`room ${room}`]);
      book.flush();
    }
    for (let room = 0; room < 500; room += 1) {
      book.left("s", `room ${room}`);
      book.flush();
    }
    expect(bytes).toBeLessThan(500_000);
    const rooms = sessions.find("/", "p")?.joined.flatMap(([, names]) => names);
    expect(rooms).toEqual(["s", ...Array.from({ length: 500 }, (_, n) => `room ${n + 500}`)]);
    const { sessions: page } = sessions.page(0, 10, 1_000_000);
    expect(page[0]?.joined.flatMap(([, names]) => names)).toEqual(rooms);
  });
});

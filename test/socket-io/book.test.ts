/** What a member tells of its clients' sessions, where it is too much or not as it was. */

import { afterEach, describe, expect, it, vi } from "vitest";
import type { SessionNews } from "../../src/core/socket-io/session.ts";
import { Sessions } from "../../src/core/socket-io/sessions.ts";
import { Book } from "../../src/socket-io/book.ts";
import { piecesOf } from "../../src/socket-io/wire.ts";

const books: Book[] = [];

afterEach(() => {
  for (const book of books.splice(0)) book.close();
});

/** A book, and what another member knows by it. */
function told() {
  const sessions = new Sessions(1000);
  const said: (readonly SessionNews[])[] = [];
  const lacks = vi.fn();
  const unusable = vi.fn();
  const say = (meta: readonly SessionNews[]): void => {
    piecesOf({ from: "a", n: 1, at: 0, kind: "sessions", meta, body: new Uint8Array() });
    said.push(meta);
    for (const news of meta) if (!sessions.heard(news, "a", 0)) lacks(news);
  };
  const book = new Book({ nsp: "/", since: () => "", say, unusable });
  books.push(book);
  const roomsOf = (pid: string) =>
    sessions.find("/", pid)?.joined.flatMap(([, names]) => names) ?? null;
  return { book, sessions, said, lacks, unusable, roomsOf };
}

const socketOf = (id: string | number, size: number) => ({
  ...{ id: `s${id}`, pid: `p${id}` },
  data: { text: "x".repeat(size) },
});

describe("a book of sessions", () => {
  it("tells many long ones in more than one message", () => {
    const { book, said, lacks, unusable, roomsOf } = told();
    for (let id = 0; id < 200; id += 1) book.open(socketOf(id, 90_000), [`s${id}`], null);
    book.flush();
    book.retell();
    book.joined("s1", ["one"]);
    book.flush();
    book.joined("s1", ["two"]);
    book.flush();
    expect(roomsOf("p1")).toEqual(["s1", "one", "two"]);
    expect([lacks.mock.calls, unusable.mock.calls]).toEqual([[], []]);
    for (const news of said) expect(JSON.stringify(news).length).toBeLessThan(1_200_000);
    expect(said.length).toBeLessThan(60);
  });

  it("tells the others where one is too long, and that one once it is shorter", () => {
    const { book, lacks, unusable, roomsOf } = told();
    const long = socketOf("long", 17_000_000);
    book.open(socketOf("first", 10), [], null);
    book.open(long, [], null);
    book.open(socketOf("last", 10), [], null);
    book.flush();
    expect(unusable).toHaveBeenCalledTimes(1);
    expect([roomsOf("pfirst"), roomsOf("plong"), roomsOf("plast")]).toEqual([
      ["sfirst"],
      null,
      ["slast"],
    ]);
    long.data.text = "short";
    book.joined("slong", ["one"]);
    book.flush();
    expect(roomsOf("plong")).toEqual(["slong", "one"]);
    expect(lacks).not.toHaveBeenCalled();
  });

  it("tells the others where one cannot be written, and goes on", () => {
    const { book, unusable, roomsOf } = told();
    for (const id of ["a", "odd", "b"]) book.open(socketOf(id, 10), [`s${id}`], null);
    // Whatever an app takes for the name of a room.
    book.joined("sodd", [10n as unknown as string]);
    expect(() => book.flush()).not.toThrow();
    expect([roomsOf("pa"), roomsOf("podd"), roomsOf("pb")]).toEqual([["sa"], null, ["sb"]]);
    expect(unusable.mock.calls).toEqual([[expect.any(TypeError)]]);
    book.left("sodd", 10n as unknown as string);
    book.flush();
    expect(roomsOf("podd")).toEqual(["sodd"]);
  });

  it("ends one that is too long in the end: nobody could go on with it", () => {
    const { book, sessions } = told();
    for (const end of ["lost", "end"] as const) {
      const socket = socketOf(end, 10);
      book.open(socket, [], null);
      book.flush();
      expect(sessions.size).toBe(1);
      socket.data.text = "x".repeat(17_000_000);
      book[end](socket.id);
      book.flush();
      expect(sessions.size).toBe(0);
    }
  });

  it("leaves a client that comes back out of rooms that a middleware took it out of", () => {
    const { book, roomsOf } = told();
    const known = { turn: 1, joined: [["a:1", ["s1", "kept", "vip"]]] } as const;
    book.open(socketOf(1, 10), ["s1", "kept", "new"], known);
    book.flush();
    expect(roomsOf("p1")).toEqual(["s1", "kept", "new"]);
  });
});

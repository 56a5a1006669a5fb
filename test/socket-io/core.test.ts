/** The pure parts: what a client has had, what it gets again, and whose a session is. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Inflow } from "../../src/core/socket-io/inflow.ts";
import { Ledger } from "../../src/core/socket-io/ledger.ts";
import { positionsOf, textOf } from "../../src/core/socket-io/positions.ts";
import type { SessionNews } from "../../src/core/socket-io/session.ts";
import { LATE_MS, Sessions } from "../../src/core/socket-io/sessions.ts";
import type { Entry, PacketMeta } from "../../src/core/socket-io/terms.ts";

const LIMITS = { keptMs: 1000, maxPackets: 1000, maxBytes: 1_000_000 };
const NOTHING = new Uint8Array();

function packet(from: string, n: number, aim: Partial<PacketMeta> = {}, at = 0): Entry {
  const meta = { nsp: "/", type: 2, rooms: [], except: [], ...aim } satisfies PacketMeta;
  return { from, n, at, kind: "packet", meta, body: NOTHING };
}

const nameOf = ({ from, n }: Entry): string => `${from}${n}`;

/** A worker: what it has heard, in its order. */
class Worker {
  readonly inflow = new Inflow<Entry>();
  readonly ledger = new Ledger<Entry>(LIMITS);
  readonly heard: { readonly entry: Entry; readonly offset: string }[] = [];

  hear(entry: Entry): void {
    this.inflow.take(entry, 0, (due) => {
      this.ledger.append(due);
      this.heard.push({ entry: due, offset: this.ledger.offset(this.inflow.positions) });
    });
  }
}

describe("positions as text", () => {
  it("are what they were", () => {
    const members = fc.array(fc.tuple(fc.stringMatching(/^[\w-]{1,8}$/), fc.nat()), {
      maxLength: 9,
    });
    fc.assert(
      fc.property(members, (pairs) => {
        const positions = new Map(pairs);
        expect(positionsOf(textOf(positions))).toEqual(positions);
      }),
    );
  });

  it("are refused where they are none, whatever a client sends", () => {
    for (const text of ["a", "a:", ":1", "a:1,", "a:-1", "a b:1", "a:1".repeat(9000)]) {
      expect(positionsOf(text)).toBe(null);
    }
    fc.assert(fc.property(fc.string(), (text) => void positionsOf(text)));
  });
});

describe("a client that goes from worker to worker", () => {
  /** Two senders with so many packets each, and for each worker the order in which it hears them. */
  const world = fc.record({
    counts: fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })),
    orders: fc.array(fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), {
      ...{ minLength: 3, maxLength: 3 },
    }),
    aims: fc.array(fc.constantFrom("all", "in", "out", "except"), { minLength: 6, maxLength: 6 }),
    /** Where the client goes, and after how many packets that it gets there it goes on. */
    moves: fc.array(fc.tuple(fc.nat(2), fc.nat(4)), { minLength: 1, maxLength: 8 }),
  });
  const AIMS: Readonly<Record<string, Partial<PacketMeta>>> = {
    all: {},
    in: { rooms: ["mine", "other"] },
    out: { rooms: ["other"] },
    except: { except: ["mine"] },
  };

  it("gets each packet that is for it once, in any order in which workers have heard them", () => {
    fc.assert(
      fc.property(world, ({ counts, orders, aims, moves }) => {
        const aim = (n: number) => AIMS[aims[n % aims.length] as string];
        const queues = (): Entry[][] =>
          counts.map((count, sender) =>
            Array.from({ length: count }, (_, n) => packet("ab"[sender] as string, n + 1, aim(n))),
          );
        const workers = orders.map((order) => {
          const worker = new Worker();
          const [a = [], b = []] = queues();
          for (const isFirst of order) {
            const next = (isFirst ? a : b).shift() ?? a.shift() ?? b.shift();
            if (next) worker.hear(next);
          }
          for (const entry of [...a, ...b]) worker.hear(entry);
          return worker;
        });
        const isMine = ({ meta }: Entry): boolean => {
          const { rooms, except } = meta as PacketMeta;
          return !except.includes("mine") && (rooms.length === 0 || rooms.includes("mine"));
        };
        const got: string[] = [];
        let offset = "";
        const joined = [{ since: new Map(), rooms: ["id", "mine"] }];
        for (const [index, most] of [...moves, [0, 99] as const]) {
          const worker = workers[index] as Worker;
          const had = positionsOf(offset) as Map<string, number>;
          const missing = { had, nsp: "/", joined, now: 0 };
          const missed = worker.ledger.missed(missing, worker.inflow.positions) ?? [];
          for (const each of missed.slice(0, most)) {
            got.push(nameOf(each.entry));
            offset = each.offset;
          }
        }
        const all = queues().flat().filter(isMine).map(nameOf);
        expect([...got].sort()).toEqual(all.sort());
      }),
      { numRuns: 500 },
    );
  });

  it("gets what was sent to a room only from when it had joined it", () => {
    const worker = new Worker();
    for (const n of [1, 2, 3]) worker.hear(packet("a", n, { rooms: ["late"] }));
    worker.hear(packet("a", 4, { except: ["late"] }));
    const since = new Map([["a", 2]]);
    const joined = [
      { since: new Map(), rooms: ["id"] },
      { since, rooms: ["late"] },
    ];
    const missing = { had: new Map(), nsp: "/", joined, now: 0 };
    const missed = worker.ledger.missed(missing, worker.inflow.positions) ?? [];
    expect(missed.map(({ entry }) => entry.n)).toEqual([3]);
  });
});

describe("the ledger", () => {
  it("says that something may be missing once it had to drop it, and forgets that in time", () => {
    const ledger = new Ledger<Entry>({ ...LIMITS, maxPackets: 2 });
    for (const n of [1, 2, 3]) ledger.append(packet("a", n, {}, n));
    const joined = [{ since: new Map(), rooms: ["id"] }];
    const positions = new Map([["a", 3]]);
    const ask = (had: number, now = 3) =>
      ledger
        .missed({ had: new Map([["a", had]]), nsp: "/", joined, now }, positions)
        ?.map(({ entry }) => entry.n);
    expect(ask(0)).toBeUndefined();
    expect(ask(1)).toEqual([2, 3]);
    expect(ask(3)).toEqual([]);
    ledger.trim(1002);
    expect(ask(0, 1002)).toEqual([2, 3]);
    ledger.trim(5000);
    expect([ledger.size, ledger.bytes, ledger.offset(positions)]).toEqual([0, 0, ""]);
  });

  it("keeps within its bytes", () => {
    const ledger = new Ledger<Entry>({ ...LIMITS, maxBytes: 10_000 });
    for (let n = 1; n <= 100; n += 1) {
      ledger.append({ ...packet("a", n), body: new Uint8Array(1000) });
      expect(ledger.bytes).toBeLessThanOrEqual(10_000);
    }
    expect(ledger.size).toBe(7);
  });

  it("gives up no packet for what is none, and gives all back in its order", () => {
    const ledger = new Ledger<Entry>({ ...LIMITS, maxPackets: 3, maxBytes: 5000 });
    ledger.append(packet("a", 1));
    for (let n = 2; n <= 50; n += 1) {
      ledger.append({ ...packet("a", n), kind: "fleeting", body: new Uint8Array(300) });
    }
    ledger.append(packet("a", 51));
    ledger.append({ ...packet("a", 52), kind: "fleeting" });
    expect(ledger.hasAllAfter(new Map())).toBe(true);
    const joined = [{ since: new Map(), rooms: ["id"] }];
    const missing = { had: new Map(), nsp: "/", joined, now: 0 };
    const missed = ledger.missed(missing, new Map([["a", 52]])) ?? [];
    expect(missed.map(({ entry }) => entry.n)).toEqual([1, 51]);
    const { entries } = ledger.page(new Map(), 1_000_000);
    expect(entries.map(({ n }) => n)).toEqual([1, 49, 50, 51, 52]);
    expect(ledger.bytes).toBeLessThanOrEqual(10_000);
  });

  it("keeps a packet once", () => {
    const ledger = new Ledger<Entry>(LIMITS);
    for (const n of [1, 2, 3, 2, 3, 4]) ledger.append(packet("a", n));
    ledger.append(packet("b", 2));
    expect(ledger.page(new Map(), 1_000_000).entries.map(nameOf)).toEqual([
      "a1",
      "a2",
      "a3",
      "a4",
      "b2",
    ]);
  });

  it("counts what sessions hold", () => {
    const ledger = new Ledger<Entry>({ ...LIMITS, maxBytes: 10_000 });
    const meta = [{ data: "x".repeat(4000) }];
    for (let n = 1; n <= 9; n += 1) ledger.append({ ...packet("a", n), kind: "sessions", meta });
    expect(ledger.size).toBe(2);
  });

  it("finds what a client has missed among all that is kept without looking at the rest", () => {
    const ledger = new Ledger<Entry>({ keptMs: 1000, maxPackets: 20_000, maxBytes: 100_000_000 });
    let looked = 0;
    const counted = (from: string, n: number): Entry => ({
      ...packet(from, n),
      get n() {
        looked += 1;
        return n;
      },
    });
    for (let n = 1; n <= 3; n += 1) ledger.append(counted("b", n));
    for (let n = 1; n <= 10_000; n += 1) ledger.append(counted("a", n));
    const positions = new Map(Object.entries({ a: 10_000, b: 3 }));
    const had = new Map(Object.entries({ a: 9998, b: 2 }));
    const joined = [{ since: new Map(), rooms: ["id"] }];
    looked = 0;
    const missed = ledger.missed({ had, nsp: "/", joined, now: 0 }, positions) ?? [];
    expect(looked).toBeLessThan(100);
    expect(missed.map(({ entry }) => nameOf(entry))).toEqual(["b3", "a9999", "a10000"]);
  });

  it("tells others what it had to drop, and is told", () => {
    const one = new Ledger<Entry>({ ...LIMITS, maxPackets: 1 });
    for (const n of [1, 2, 3]) one.append(packet("a", n, {}, n));
    const other = new Ledger<Entry>(LIMITS);
    for (const each of one.dropped) other.lack(...each);
    other.lack("a", 1, 9);
    expect(other.dropped).toEqual([["a", 2, 2]]);
    expect(other.hasAllAfter(new Map([["a", 1]]))).toBe(false);
    other.trim(1003);
    expect(other.dropped).toEqual([]);
  });

  it("gives another member what it lacks, page by page", () => {
    const ledger = new Ledger<Entry>(LIMITS);
    for (let n = 1; n <= 10; n += 1)
      ledger.append({ ...packet("a", n), body: new Uint8Array(600) });
    const first = ledger.page(new Map([["a", 3]]), 2000);
    expect([first.entries.map(({ n }) => n), first.isLast]).toEqual([[4, 5, 6], false]);
    const rest = ledger.page(new Map([["a", 6]]), 1_000_000);
    expect([rest.entries.map(({ n }) => n), rest.isLast]).toEqual([[7, 8, 9, 10], true]);
  });
});

describe("the inflow", () => {
  it("gives each entry once and in its order, however they come", () => {
    const come = fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.integer({ min: 1, max: 8 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(come, (list) => {
        const inflow = new Inflow<Entry>();
        const given: Record<string, number[]> = { a: [], b: [] };
        for (const [from, n] of list) {
          inflow.take(packet(from, n), 0, (entry) => given[entry.from]?.push(entry.n));
        }
        for (const from of ["a", "b"]) {
          const has = new Set(list.filter(([who]) => who === from).map(([, n]) => n));
          let last = 0;
          while (has.has(last + 1)) last += 1;
          expect(given[from]).toEqual(Array.from({ length: last }, (_, n) => n + 1));
          expect(inflow.positions.get(from) ?? 0).toBe(last);
        }
      }),
    );
  });

  it("begins with a member that is new where that says, and passes over what will not come", () => {
    const inflow = new Inflow<Entry>();
    const given: number[] = [];
    const release = ({ n }: Entry): void => void given.push(n);
    inflow.take(packet("a", 5), 7, release);
    expect(inflow.gaps()).toEqual([{ from: "a", since: 7 }]);
    inflow.begin("a", 9, release);
    inflow.take(packet("a", 8), 9, release);
    expect(given).toEqual([5]);
    expect(inflow.passOver("a", 7, release)).toBe(2);
    expect([given, inflow.hasGaps]).toEqual([[5, 8], false]);
  });
});

describe("sessions", () => {
  let step = 0;
  const news = (over: Partial<SessionNews> = {}): SessionNews => {
    step += 1;
    const told = { turn: 0, step, after: null, joined: [["", ["s"]]], left: [] } as const;
    return { nsp: "/", pid: "p", sid: "s", ...told, data: {}, state: "on", ...over };
  };
  const everybody = (): boolean => true;

  it("are one member's: of two who want one the first gets it", () => {
    const sessions = new Sessions(10);
    sessions.heard(news({ state: "left" }), "a", 5);
    const terms = { nsp: "/", pid: "p", turn: 0 };
    expect(sessions.claim(terms, "b", 6, everybody)).toMatchObject({ kind: "taken", from: "a" });
    expect(sessions.claim(terms, "c", 6, everybody)).toEqual({ kind: "refused" });
    sessions.heard(news({ data: { late: true } }), "a", 7);
    expect(sessions.find("/", "p")).toMatchObject({ owner: "b", data: {}, leftAt: 5 });
    expect(sessions.claim({ ...terms, turn: 1 }, "c", 8, everybody).kind).toBe("taken");
  });

  it("are told by their last owner where it lives, and go on without it where it does not", () => {
    const sessions = new Sessions(10);
    sessions.heard(news(), "a", 5);
    const claimed = sessions.claim({ nsp: "/", pid: "p", turn: 0 }, "b", 6, everybody);
    expect(claimed.kind).toBe("awaited");
    expect(sessions.moved(news({ data: 1 }), "x")).toBe(null);
    expect(sessions.moved(news({ data: 2 }), "a")).toMatchObject({ data: 2, from: null });
    sessions.heard(news({ data: 3, turn: 1 }), "b", 7);
    sessions.gone("b", 8);
    expect(sessions.find("/", "p")).toMatchObject({ data: 3, leftAt: 8 });
    const nobody = (): boolean => false;
    expect(sessions.claim({ nsp: "/", pid: "p", turn: 1 }, "c", 9, nobody).kind).toBe("taken");
  });

  it("are nobody else's, whatever a client calls itself and its namespace", () => {
    const sessions = new Sessions(10);
    sessions.heard(news({ nsp: "/ws-1 /admin", state: "left" }), "a", 5);
    expect(sessions.find("/admin", "p /ws-1")).toBeUndefined();
    const terms = { nsp: "/admin", pid: "p /ws-1", turn: 0 };
    expect(sessions.claim(terms, "b", 6, everybody)).toEqual({ kind: "refused" });
  });

  it("are told page by page, each within its bytes", () => {
    const sessions = new Sessions(100);
    const pids = Array.from({ length: 30 }, (_, n) => `p${n}`);
    for (const pid of pids) sessions.heard(news({ pid, data: "x".repeat(1000) }), "a", 0);
    const told = new Set<string>();
    for (let next: number | null = 0; next !== null; ) {
      const page = sessions.page(next, 20, 5000);
      expect(page.sessions.length).toBeLessThanOrEqual(5);
      for (const { pid } of page.sessions) told.add(pid);
      next = page.next;
    }
    expect([...told]).toEqual(pids);
    expect(sessions.page(0, 20, 1_000_000).sessions).toHaveLength(20);
  });

  it("are forgotten when they are over, too old, or too many", () => {
    const sessions = new Sessions(2);
    sessions.heard(news(), "a", 0);
    sessions.heard(news({ state: "over" }), "a", 0);
    expect(sessions.size).toBe(0);
    for (const pid of ["p", "q", "r"]) sessions.heard(news({ pid, state: "left" }), "a", 10);
    expect([sessions.size, sessions.find("/", "p")]).toEqual([2, undefined]);
    // A claim of them may still be on its way.
    sessions.trim(LATE_MS + 21, 11);
    expect(sessions.size).toBe(2);
    sessions.trim(LATE_MS + 22, 11);
    expect(sessions.size).toBe(0);
  });
});

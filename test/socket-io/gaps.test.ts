/** What a member has missed of others: how soon it is made up for, and what is done about what nobody has any more. */

import { describe, expect, it, vi } from "vitest";
import { Inflow } from "../../src/core/socket-io/inflow.ts";
import { Ledger } from "../../src/core/socket-io/ledger.ts";
import type { SessionNews } from "../../src/core/socket-io/session.ts";
import { Sessions } from "../../src/core/socket-io/sessions.ts";
import type { Entry, Positions } from "../../src/core/socket-io/terms.ts";
import { Attendance, type AttendancePort } from "../../src/socket-io/attendance.ts";
import { CatchUp } from "../../src/socket-io/catch-up.ts";
import { Entrance, type EntrancePort } from "../../src/socket-io/entrance.ts";
import { Intake } from "../../src/socket-io/intake.ts";
import type { Members } from "../../src/socket-io/members.ts";
import { Repairs } from "../../src/socket-io/repairs.ts";
import { until } from "../support/until.ts";

const LIMITS = { keptMs: 165_000, maxPackets: 1000, maxBytes: 100_000_000 };
const NOTHING = new Uint8Array();
const PACKET_META = { nsp: "/", type: 2, rooms: [], except: [] };

function packet(n: number, body = NOTHING): Entry {
  return { from: "x", n, at: Date.now(), kind: "packet", meta: PACKET_META, body };
}

/** Another member, and what it keeps: `answer` is called with each page it gives. */
class Teller {
  readonly inflow = new Inflow<Entry>();
  readonly ledger: Ledger<Entry>;
  readonly sessions = new Sessions(10_000);
  readonly #catchUp: CatchUp;
  wants = 0;

  constructor(answer: (page: never, count: number) => void, limits: Partial<typeof LIMITS> = {}) {
    this.ledger = new Ledger({ ...LIMITS, ...limits });
    this.#catchUp = new CatchUp({
      ...{ inflow: this.inflow, ledger: this.ledger, sessions: this.sessions },
      post: (_to, _kind, page) => {
        const told = structuredClone(page) as never;
        setImmediate(() => answer(told, this.wants));
      },
    });
  }

  say(entry: Entry): void {
    this.ledger.append(entry);
    this.inflow.note(entry.from, entry.n);
  }

  want(value: unknown): void {
    this.wants += 1;
    this.#catchUp.heardWant("me", structuredClone(value) as never);
  }
}

/** The member "me", with others by their names. */
function member(others: Record<string, Teller>) {
  const ledger = new Ledger<Entry>(LIMITS);
  const sessions = new Sessions(10_000);
  const applied: number[] = [];
  const lost = vi.fn<(member: string, count: number) => void>();
  const catchUp: CatchUp = new CatchUp({
    ...{ inflow: new Inflow<Entry>(), ledger, sessions },
    post: (to, _kind, value) => others[to]?.want(value),
  });
  const members = { has: (name: string) => name in others, all: () => Object.keys(others) };
  const intake: Intake = new Intake("me", {
    apply: (entry) => {
      ledger.append(entry);
      applied.push(entry.n);
    },
    ...{ own: () => {}, ledger, lost, isMember: members.has },
    isRepairing: () => repairs.isUnderWay,
    repair: (from) => void repairs.of(from),
  });
  const faults = { tell: vi.fn() } as never;
  const ahead = vi.fn<(member: string) => void>();
  const all = members as unknown as Members;
  const port = { me: "me", members: all, intake, catchUp, faults, ahead };
  const repairs: Repairs = new Repairs(port);
  return { ledger, sessions, intake, catchUp, repairs, applied, lost, ahead };
}

/** 20 entries of "x", of which it has only the packets any more. */
function sayWithHoles(teller: Teller): void {
  const at = Date.now() - 30_000;
  for (let n = 1; n <= 20; n += 1) {
    const kind = n % 2 === 1 ? "packet" : "fleeting";
    teller.say({ ...packet(n), at, kind });
  }
  teller.ledger.trim(Date.now());
}

const ODD = [3, 5, 7, 9, 11, 13, 15, 17, 19];

describe("what a member has missed", () => {
  it("and its sender has no more is passed over at once, however many holes there are", async () => {
    const x = new Teller((page) => catchUp.heardPage(page));
    const { intake, catchUp, applied, lost } = member({ x });
    sayWithHoles(x);
    intake.goLive(null);
    intake.inflow.note("x", 1);
    intake.take(packet(21));
    await until(() => applied.includes(21), { what: "the newest", timeoutMs: 2000 });
    expect(applied).toEqual([...ODD, 21]);
    expect([x.wants, lost.mock.calls]).toEqual([1, [["x", 10]]]);
    intake.close();
  });

  it("and its sender had to drop is known to be missing for clients that come back", async () => {
    const x = new Teller((page) => catchUp.heardPage(page), { maxPackets: 5 });
    const { intake, catchUp, applied, lost, ledger } = member({ x });
    for (let n = 1; n <= 20; n += 1) x.say(packet(n));
    intake.goLive(null);
    intake.inflow.note("x", 1);
    intake.take(packet(21));
    await until(() => applied.includes(21), { what: "the newest", timeoutMs: 2000 });
    expect(lost.mock.calls).toEqual([["x", 14]]);
    expect(ledger.hasAllAfter(new Map([["x", 14]]))).toBe(false);
    expect(ledger.hasAllAfter(new Map([["x", 15]]))).toBe(true);
    intake.close();
  });

  it("of one that is gone is passed over at once where none of the others has it", async () => {
    const tellers = { y: new Teller((page) => catchUp.heardPage(page)) };
    const { intake, catchUp, applied, lost } = member(tellers);
    sayWithHoles(tellers.y);
    intake.goLive(null);
    intake.inflow.note("x", 1);
    intake.take(packet(21));
    tellers.y.say(packet(21));
    await until(() => applied.includes(21), { what: "the newest", timeoutMs: 2000 });
    expect([tellers.y.wants, lost.mock.calls]).toEqual([1, [["x", 10]]]);
    intake.close();
  });

  it("is given up all together where nobody answers", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "setTimeout", "performance"] });
    try {
      const x = new Teller(() => {});
      const { intake, applied, lost, ledger } = member({ x });
      intake.goLive(null);
      intake.inflow.note("x", 1);
      for (const n of ODD) intake.take(packet(n));
      // Three tries of a page, and the time after them.
      await vi.advanceTimersByTimeAsync(100 + 3 * 3000 + 2500 + 200);
      expect([applied, lost.mock.calls]).toEqual([ODD, [["x", 9]]]);
      // Which of them were packets nobody knows.
      expect(ledger.hasAllAfter(new Map([["x", 18]]))).toBe(false);
      intake.close();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("what a member that lives has kept", () => {
  /** "x" has 20 entries, half of which it does not keep, and the bus has brought the first. */
  function behind() {
    const x: Teller = new Teller((page) => made.catchUp.heardPage(page));
    const made = member({ x });
    sayWithHoles(x);
    made.intake.goLive(null);
    made.intake.take(packet(1));
    return { ...made, x };
  }
  const ALL = Array.from({ length: 21 }, (_, n) => n + 1);

  it("is no reason to pass over what it says again after a lost connection", async () => {
    const { intake, repairs, applied, lost, ahead } = behind();
    intake.down();
    await repairs.of("x");
    expect([applied, ahead.mock.calls]).toEqual([[1], [["x"]]]);
    for (let n = 2; n <= 21; n += 1) intake.take(packet(n));
    expect([applied, lost.mock.calls]).toEqual([ALL, []]);
    intake.close();
  });

  it("is waited for as long as the bus has not brought as much, and not for ever", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "setTimeout", "performance"] });
    try {
      const { intake, repairs, applied, lost, ahead, x } = behind();
      intake.down();
      await repairs.of("x");
      await vi.advanceTimersByTimeAsync(20_000);
      expect([applied, lost.mock.calls]).toEqual([[1], []]);
      expect([x.wants > 2, ahead.mock.calls.length > 2]).toEqual([true, true]);
      intake.take({ ...packet(21), kind: "sign" });
      x.say({ ...packet(21), kind: "sign" });
      await vi.advanceTimersByTimeAsync(3000);
      expect([applied, lost.mock.calls]).toEqual([[1, ...ODD, 21], [["x", 10]]]);
      intake.close();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a member of which something is lost", () => {
  it("is asked to tell its sessions again, as long as it is there", () => {
    const letters: unknown[] = [];
    const tell = vi.fn();
    const { intake, ledger, sessions } = member({});
    const attendance = new Attendance({
      ...{ me: "me", bus: null, line: null, faults: { tell }, sessions, ledger, intake },
      ...{ outflow: { state: "open", lastSent: 0 }, locals: () => [], gone: () => {} },
      posts: { send: (...letter: unknown[]) => void letters.push(letter) },
    } as unknown as AttendancePort);
    attendance.lost("x", 3);
    expect(letters).toEqual([]);
    attendance.noticed({ ...packet(1), kind: "hello", meta: { app: null, worker: null } });
    letters.splice(0);
    attendance.lost("x", 3);
    expect(letters).toEqual([["x", "retell", null]]);
    expect(tell).toHaveBeenCalledTimes(2);
  });
});

describe("what others tell a member that is new", () => {
  it("counts as dropped, where one goes on for another, what the first had to drop", async () => {
    const tellers = {
      a: new Teller((page, count) => count === 1 && catchUp.heardPage(page), { maxPackets: 15 }),
      b: new Teller((page) => catchUp.heardPage(page)),
    };
    const { intake, catchUp, ledger } = member(tellers);
    const body = new Uint8Array(400_000);
    for (const teller of Object.values(tellers)) {
      for (let n = 1; n <= 30; n += 1) teller.say(packet(n, body));
    }
    const fetching = catchUp.fetch(["a", "b"], new Map(), true);
    await until(() => tellers.a.wants === 2, { what: "the second page to be asked for" });
    catchUp.gone("a");
    const told = await fetching;
    intake.goLive(told);
    expect(told?.entries.map(({ n }) => n)).toEqual(Array.from({ length: 15 }, (_, n) => n + 16));
    expect(ledger.hasAllAfter(new Map([["x", 14]]))).toBe(false);
    expect(ledger.hasAllAfter(new Map([["x", 15]]))).toBe(true);
  });

  it("is what sessions are like after the last page, whatever changed between the pages", async () => {
    const news = (pid: number, step: number, over: Partial<SessionNews> = {}): SessionNews => {
      const told = { turn: 0, step, after: null, joined: [["", [`s${pid}`]]], left: [] } as const;
      const session = { nsp: "/", pid: `p${pid}`, sid: `s${pid}`, ...told, data: {} };
      return { ...session, state: "on", ...over };
    };
    let late: Entry | null = null;
    const t: Teller = new Teller((page, count) => {
      // It counts there at once, and is still on its way to all others.
      if (count === 1) late = changed();
      heardPage(page);
    });
    const changed = (): Entry => {
      const meta = [
        news(0, 4000, { after: 1, joined: [["", ["room"]]] }),
        news(1, 4001, { state: "over" }),
      ];
      const entry = { from: "t", n: 11, at: Date.now(), kind: "sessions", meta, body: NOTHING };
      t.say(entry);
      for (const each of meta) t.sessions.heard(each, "t", entry.at);
      return entry;
    };
    for (let pid = 0; pid < 3000; pid += 1) t.sessions.heard(news(pid, pid + 1), "t", Date.now());
    t.inflow.note("t", 10);
    const { intake, catchUp, sessions, ledger } = member({ t });
    const heardPage = (page: never): void => catchUp.heardPage(page);
    const entrance = new Entrance({
      ...{ bus: null, line: { open: async () => ["t"] }, sessions, ledger, intake, catchUp },
      ...{ outflow: { state: "open", open: () => {} }, faults: { tell: vi.fn() } },
      ...{ hello: () => {}, untold: () => {}, detached: () => {} },
    } as unknown as EntrancePort);
    await entrance.begin();
    if (late) intake.take(late);
    const known: Positions = intake.inflow.positions;
    expect([intake.isLive, known.get("t"), t.wants > 1]).toEqual([true, 11, true]);
    expect(sessions.find("/", "p0")?.joined).toEqual([["", ["s0", "room"]]]);
    expect(sessions.find("/", "p1")).toBeUndefined();
    expect(sessions.size).toBe(2999);
  });
});

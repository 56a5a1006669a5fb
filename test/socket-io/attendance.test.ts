/** Who takes part after a lost connection, or where nobody has told what was before. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Ledger } from "../../src/core/socket-io/ledger.ts";
import { Sessions } from "../../src/core/socket-io/sessions.ts";
import type { Entry } from "../../src/core/socket-io/terms.ts";
import { HoldfastError } from "../../src/errors.ts";
import { Attendance, type AttendancePort } from "../../src/socket-io/attendance.ts";
import type { Told } from "../../src/socket-io/catch-up.ts";
import { Faults } from "../../src/socket-io/faults.ts";
import { Intake } from "../../src/socket-io/intake.ts";
import { Outflow } from "../../src/socket-io/outflow.ts";

const NOTHING = new Uint8Array();
const FACTS = { app: "app", worker: 2 };
const HERE = { ...FACTS, n: 5000, wasGone: false };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function said(n: number, kind = "packet"): Entry {
  const meta = kind === "hello" ? FACTS : { nsp: "/", type: 2, rooms: [], except: [] };
  return { from: "b", n, at: Date.now(), kind, meta, body: NOTHING };
}

/** The member "a"; `open` says who is ready, and `told` what these tell. */
function member(open = async (): Promise<readonly string[]> => [], told: Told | null = null) {
  const applied: number[] = [];
  const letters: (readonly [string, string])[] = [];
  const gone: string[] = [];
  const ledger = new Ledger<Entry>({ keptMs: 60_000, maxPackets: 100, maxBytes: 1_000_000 });
  const sessions = new Sessions(10);
  const intake = new Intake("a", {
    ...{ own: (n) => outflow.heard(n), repair: () => {}, lost: () => {}, ledger },
    ...{ isRepairing: () => false, isMember: () => true },
    apply: (entry) => {
      ledger.append(entry);
      applied.push(entry.n);
    },
  });
  const outflow: Outflow = new Outflow({
    ...{ me: "a", publish: async () => {}, refused: () => true, dropped: () => {} },
    deliver: ({ n }) => intake.inflow.note("a", n),
  });
  const attendance = new Attendance({
    ...{ me: "a", bus: { on: () => () => {} }, ledger, sessions, intake, outflow },
    line: { self: { app: "app", worker: 1 }, open, close: async () => {} },
    faults: new Faults(() => [{ listenerCount: () => 1, emit: () => true }]),
    catchUp: { fetch: async () => told },
    posts: { send: (to: string, kind: string) => void letters.push([to, kind]) },
    ...{ locals: () => [], gone: (one: string) => void gone.push(one) },
  } as unknown as AttendancePort);
  return { attendance, intake, outflow, ledger, sessions, letters, gone, applied };
}

/** One that had no room on the bus when it began, and has worked alone since. */
async function lateMember(
  told: Told | null,
  before = (_intake: Intake): void => {},
  opened = (_intake: Intake, _isTeller: boolean): void => {},
) {
  let isFull = true;
  const open = async (): Promise<readonly string[]> => {
    if (isFull) throw new HoldfastError("HF_BUS_OVERLOADED", { subject: "all", reason: "full" });
    opened(made.intake, made.attendance.isTeller);
    return ["b"];
  };
  const made = member(open, told);
  const beginning = made.attendance.begin();
  await vi.advanceTimersByTimeAsync(10_000);
  await beginning;
  expect([made.intake.isLive, made.outflow.state]).toEqual([true, "detached"]);
  before(made.intake);
  isFull = false;
  await vi.advanceTimersByTimeAsync(5000);
  expect(made.outflow.state).toBe("open");
  return made;
}

describe("after a lost connection", () => {
  async function reconnected() {
    const made = member();
    await made.attendance.begin();
    made.outflow.heard(1);
    made.attendance.noticed(said(1, "hello"));
    made.letters.length = 0;
    made.attendance.down();
    made.attendance.up();
    return made;
  }

  it("one that speaks all the time is no less there because its hello comes last", async () => {
    const { attendance, outflow, gone, letters } = await reconnected();
    outflow.heard(2);
    for (let n = 2; n < 200; n += 1) {
      attendance.noticed(said(n));
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(gone).toEqual([]);
    expect(letters).toEqual([["b", "hello"]]);
  });

  it("nobody is gone before this one's own hello has come back, and who is silent is then", async () => {
    const { outflow, gone } = await reconnected();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(gone).toEqual([]);
    outflow.heard(2);
    await vi.advanceTimersByTimeAsync(1900);
    expect(gone).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(gone).toEqual(["b"]);
  });

  it("what was said without one is kept until the others can be there again", async () => {
    const { attendance, outflow } = await reconnected();
    attendance.down();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(attendance.isAwaited).toBe(true);
    attendance.up();
    await vi.advanceTimersByTimeAsync(14_000);
    expect(attendance.isAwaited).toBe(true);
    await vi.advanceTimersByTimeAsync(2000);
    expect(attendance.isAwaited).toBe(false);
    attendance.down();
    outflow.detach("alone");
    expect(attendance.isAwaited).toBe(false);
  });

  it("one that says who it is by the new one is not asked", async () => {
    const { attendance, outflow, gone, letters } = await reconnected();
    attendance.noticed(said(2, "hello"));
    outflow.heard(2);
    await vi.advanceTimersByTimeAsync(5000);
    expect([gone, letters]).toEqual([[], [["b", "here"]]]);
  });
});

describe("a member that could not come in for long", () => {
  const session = {
    ...{ nsp: "/", pid: "p", sid: "s", joined: [], data: {}, owner: "b", leftAt: 1, turn: 0 },
    ...{ from: null, told: 0, teller: "b", step: 1 },
  };

  it("is told then what was before", async () => {
    const positions = new Map([["b", 3]]);
    const entries = [said(2), said(3)];
    const dropped = [["b", 1, Date.now()]] as const;
    const told = { entries, sessions: [session], positions, dropped };
    const { attendance, sessions, ledger, letters, intake, applied } = await lateMember(told);
    expect(sessions.find("/", "p")?.owner).toBe("b");
    const has = (n: number) => ledger.hasAllAfter(new Map([["b", n]]));
    expect([has(0), has(1)]).toEqual([false, true]);
    expect(ledger.page(new Map(), 1_000_000).entries.map(({ n }) => n)).toEqual([2, 3]);
    intake.take(said(4));
    expect(applied).toEqual([4]);
    attendance.heardHere("b", HERE);
    expect(letters).toEqual([]);
  });

  it("keeps once what it is told and hears as well", async () => {
    const positions = new Map([["b", 10]]);
    const entries = [6, 7, 8, 9, 10].map((n) => said(n));
    const told = { entries, sessions: [], positions, dropped: [] };
    const hears = (intake: Intake): void => [8, 9, 10].forEach((n) => void intake.take(said(n)));
    const { ledger, applied, intake } = await lateMember(told, () => {}, hears);
    intake.take(said(11));
    expect(applied).toEqual([8, 9, 10, 11]);
    const kept = ledger.page(new Map(), 1_000_000).entries.map(({ n }) => n);
    expect(kept).toEqual([6, 7, 8, 9, 10, 11]);
  });

  it("tells nobody what was before until it has been told itself", async () => {
    const told = { entries: [], sessions: [session], positions: new Map([["b", 3]]), dropped: [] };
    const was: boolean[] = [];
    const opened = (_intake: Intake, isTeller: boolean): void => void was.push(isTeller);
    const { attendance } = await lateMember(told, () => {}, opened);
    expect([was, attendance.isTeller]).toEqual([[false], true]);
  });

  it("lets nobody come back who lacks what it could not put in its order", async () => {
    const positions = new Map([["b", 3]]);
    const told = { entries: [said(2), said(3)], sessions: [session], positions, dropped: [] };
    const early = (intake: Intake): void => intake.begin("b", 2);
    const { ledger } = await lateMember(told, early);
    const has = (n: number) => ledger.hasAllAfter(new Map([["b", n]]));
    expect([has(2), has(3)]).toEqual([false, true]);
  });

  it("has the others tell their sessions where none of them tells all", async () => {
    const { attendance, ledger, letters } = await lateMember(null);
    attendance.heardHere("b", HERE);
    expect(letters).toEqual([["b", "retell"]]);
    // What "b" has said before is not here.
    expect(ledger.hasAllAfter(new Map([["b", 4999]]))).toBe(false);
    expect(ledger.hasAllAfter(new Map([["b", 5000]]))).toBe(true);
  });
});

describe("a member that is new", () => {
  it("has those tell their sessions that it met before it knew that none of them tells all", async () => {
    const { attendance, letters } = member(async () => ["b"]);
    const beginning = attendance.begin();
    attendance.heardHere("b", HERE);
    await beginning;
    expect(letters).toEqual([["b", "retell"]]);
    attendance.heardHere("c", HERE);
    expect(letters).toEqual([
      ["b", "retell"],
      ["c", "retell"],
    ]);
  });
});

describe("a member that is asked how far the bus has brought what it said", () => {
  it("says something to all, after all that waits", async () => {
    const { attendance, outflow } = member();
    await attendance.begin();
    const before = outflow.next;
    attendance.sign();
    expect(outflow.next).toBe(before + 1);
    attendance.leave();
    const last = outflow.next;
    attendance.sign();
    expect(outflow.next).toBe(last);
  });

  it("is not asked more often than once in a while", async () => {
    const told: Told = { entries: [], sessions: [], positions: new Map([["b", 9]]), dropped: [] };
    const { attendance, intake, letters } = member(undefined, told);
    await attendance.begin();
    attendance.noticed(said(1, "hello"));
    intake.take(said(1, "hello"));
    intake.add(said(9));
    letters.length = 0;
    for (let times = 0; times < 3; times += 1) await attendance.repair("b");
    expect(letters).toEqual([["b", "sign"]]);
  });
});

describe("a member that has said that it leaves", () => {
  it("answers nobody who comes in after that", async () => {
    const { attendance, letters } = member();
    await attendance.begin();
    attendance.leave();
    attendance.noticed(said(1, "hello"));
    attendance.heardGreeting("c", HERE);
    attendance.lacks("b");
    expect([letters, attendance.isTeller]).toEqual([[], false]);
  });
});

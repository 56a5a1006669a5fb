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
async function lateMember(told: Told | null, before = (_intake: Intake): void => {}) {
  let isFull = true;
  const open = async (): Promise<readonly string[]> => {
    if (isFull) throw new HoldfastError("HF_BUS_OVERLOADED", { subject: "all", reason: "full" });
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

describe("a member that has said that it leaves", () => {
  it("answers nobody who comes in after that", async () => {
    const { attendance, letters } = member();
    await attendance.begin();
    attendance.leave();
    attendance.noticed(said(1, "hello"));
    attendance.heardGreeting("c", HERE);
    attendance.lacks("b");
    expect(letters).toEqual([]);
  });
});

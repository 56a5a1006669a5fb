/** How sessions are taken and told of, and what a client's word is good for. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Ledger } from "../../src/core/socket-io/ledger.ts";
import type { SessionNews } from "../../src/core/socket-io/session.ts";
import { Sessions } from "../../src/core/socket-io/sessions.ts";
import type { Entry } from "../../src/core/socket-io/terms.ts";
import { Intake } from "../../src/socket-io/intake.ts";
import type { Local } from "../../src/socket-io/local.ts";
import { Transfers } from "../../src/socket-io/transfers.ts";

const NOTHING = new Uint8Array();

function entry(from: string, n: number, kind = "packet"): Entry {
  const meta = { nsp: "/", type: 2, rooms: [], except: [] };
  return { from, n, at: Date.now(), kind, meta, body: NOTHING };
}

/** The member "me", whose claims come back at once; "other" is another one that lives. */
function member(local?: Partial<Local>) {
  const ledger = new Ledger<Entry>({ keptMs: 60_000, maxPackets: 10, maxBytes: 1_000_000 });
  const sessions = new Sessions(10);
  const intake = new Intake("me", {
    ...{ apply: (each) => ledger.append(each), own: () => {}, ledger, isRepairing: () => false },
    ...{ repair: () => {}, lost: () => {}, isMember: (from) => from === "other" },
  });
  intake.goLive(null);
  const lacks = vi.fn<(member: string) => void>();
  const doubt = vi.fn<(member: string) => void>();
  const transfers: Transfers = new Transfers({
    ...{ me: "me", intake, ledger, sessions, whenSettled: async () => {}, nextNumber: () => 1 },
    ...{ isMember: (from) => from === "other", local: () => local as Local | undefined },
    ...{ lacks, doubt },
    say: (kind, meta) =>
      transfers.heard({ from: "me", n: 1, at: Date.now(), kind, meta, body: NOTHING }),
  });
  let step = 0;
  const news = (over: Partial<SessionNews> = {}): SessionNews => {
    step += 1;
    const told = { turn: 0, step, after: null, joined: [["", ["s"]]], left: [] } as const;
    return { nsp: "/", pid: "p", sid: "s", ...told, data: {}, state: "left", ...over };
  };
  const said = (kind: string, from: string, meta: unknown): void =>
    transfers.heard({ from, n: 1, at: Date.now(), kind, meta, body: NOTHING });
  return { ledger, sessions, intake, transfers, news, said, lacks, doubt };
}

describe("a member that is asked for a session", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("keeps of what the client names only members that it knows", async () => {
    const { intake, sessions, transfers, news } = member();
    intake.take(entry("other", 1));
    sessions.heard(news(), "other", Date.now());
    const invented = Array.from({ length: 1000 }, (_, index) => `x${index}:1`).join(",");
    const taking = transfers.take("/", "p", `hf=${invented},other:1`, 1000_000);
    await vi.advanceTimersByTimeAsync(5000);
    expect([...((await taking)?.had ?? [])]).toEqual([["other", 1]]);
  });

  it("takes text of the app's own for no proof, and nothing kept for one", async () => {
    const { sessions, transfers, news } = member();
    sessions.heard(news(), "other", Date.now());
    for (const text of ["12:30", "other:1", ""]) {
      const taking = transfers.take("/", "p", text, 1000_000);
      await vi.advanceTimersByTimeAsync(5000);
      expect(await taking).toBe(null);
    }
    expect((await transfers.take("/", "p", "hf=", 1000_000))?.session.sid).toBe("s");
  });

  it("refuses where something the client lacks had to go", async () => {
    const { intake, sessions, transfers, news } = member();
    for (let n = 1; n <= 12; n += 1) intake.take(entry("other", n));
    sessions.heard(news(), "other", Date.now());
    expect(await transfers.take("/", "p", "hf=other:1", 1000_000)).toBe(null);
    expect(await transfers.take("/", "p", "hf=other:2", 1000_000)).not.toBe(null);
  });

  it("goes on with what it knew, whatever a stuck owner tells later", async () => {
    const { sessions, transfers, news, doubt } = member();
    sessions.heard(news({ state: "on", data: 1 }), "other", Date.now());
    const taking = transfers.take("/", "p", "hf=", 1000_000);
    await vi.advanceTimersByTimeAsync(2000);
    const taken = await taking;
    expect(doubt.mock.calls).toEqual([["other"]]);
    const late = { ...news(), joined: [["", ["s", "left"]]] as const, data: 2 };
    sessions.heard(news({ state: "on", data: 3, turn: 1 }), "me", Date.now());
    sessions.moved(late, "other");
    expect(taken?.session).toMatchObject({ data: 3, joined: [["", ["s"]]] });
  });

  it("does not take one that is too old once its client is let in", async () => {
    const { sessions, transfers, news } = member();
    sessions.heard(news(), "other", Date.now());
    await vi.advanceTimersByTimeAsync(59_000);
    const taken = await transfers.take("/", "p", "hf=", 60_000);
    expect(taken?.isValid()).toBe(true);
    await vi.advanceTimersByTimeAsync(2000);
    expect(taken?.isValid()).toBe(false);
  });

  it("lets its client in with the rooms it was told of", async () => {
    const { sessions, transfers, news } = member();
    sessions.heard(news({ state: "on" }), "other", Date.now());
    const taking = transfers.take("/", "p", "hf=", 1000_000);
    await vi.advanceTimersByTimeAsync(2000);
    sessions.moved({ ...news(), joined: [["", ["s", "late"]]] }, "other");
    expect((await taking)?.joined).toEqual([["", ["s"]]]);
  });
});

describe("what others tell of sessions", () => {
  it("is asked for once more where it changes what is not known here", () => {
    const { sessions, news, said, lacks } = member();
    const whole = news({ state: "on" });
    said("sessions", "other", [whole]);
    said("sessions", "other", [news({ state: "on", after: whole.step, joined: [["", ["room"]]] })]);
    expect(sessions.find("/", "p")?.joined).toEqual([["", ["s", "room"]]]);
    expect(lacks).not.toHaveBeenCalled();
    const change = { state: "on", after: 99, step: 100 } as const;
    said("sessions", "other", [news(change), news({ ...change, pid: "q" })]);
    expect(lacks.mock.calls).toEqual([["other"]]);
  });

  it("ends the old connection of a client that is with another one, though nobody heard how", () => {
    const handOver = vi.fn(() => null);
    const { sessions, news, said } = member({ handOver });
    said("sessions", "me", [news({ state: "on" })]);
    said("sessions", "other", [news({ state: "on", turn: 1 })]);
    expect(handOver.mock.calls).toEqual([["p"]]);
    expect(sessions.find("/", "p")).toMatchObject({ owner: "other", turn: 1, leftAt: null });
    said("sessions", "me", [news({ state: "over" })]);
    expect(sessions.size).toBe(1);
  });

  it("is kept as long as somebody may still claim it", () => {
    const { sessions, transfers, news, said } = member();
    vi.useFakeTimers();
    try {
      said("sessions", "other", [news()]);
      vi.advanceTimersByTime(60_000 + 9000);
      transfers.trim(60_000, false);
      expect(sessions.size).toBe(1);
      vi.advanceTimersByTime(2000);
      transfers.trim(60_000, false);
      expect(sessions.size).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a member that is new", () => {
  it("knows what those who told it had to drop, and without them that it knows nothing", () => {
    const one = member();
    const dropped = [["other", 5, Date.now()]] as const;
    const intake = new Intake("me", {
      ...{ apply: () => {}, own: () => {}, ledger: one.ledger, isRepairing: () => false },
      ...{ repair: () => {}, lost: () => {}, isMember: () => true },
    });
    const positions = new Map([["other", 9]]);
    intake.goLive({ entries: [], sessions: [], positions, dropped });
    expect(one.ledger.hasAllAfter(new Map([["other", 4]]))).toBe(false);
    expect(one.ledger.hasAllAfter(new Map([["other", 5]]))).toBe(true);
    const { ledger } = member();
    const blind = new Intake("me", {
      ...{ apply: () => {}, own: () => {}, ledger, isRepairing: () => false },
      ...{ repair: () => {}, lost: () => {}, isMember: () => true },
    });
    blind.begin("other", 9);
    blind.begin("fresh", 1);
    blind.goLive(null);
    expect(ledger.dropped.map(([from, n]) => [from, n])).toEqual([["other", 9]]);
  });
});

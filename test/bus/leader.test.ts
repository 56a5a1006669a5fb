/** Leaderships of the bus: one leader at a time, and the next one when it goes. */

import { describe, expect, it } from "vitest";
import type { Bus } from "../../src/bus/api.ts";
import type { LeaderTerm, LeadFunction } from "../../src/bus/locks-api.ts";
import { BUS } from "../../src/link/bus-frames.ts";
import { until } from "../support/until.ts";
import { ownWorker } from "./own-worker.ts";
import { clientOf, puppet } from "./puppet.ts";
import { codeOf, deferred, type Served, serve } from "./served.ts";

/** Leads until its signal fires, and a moment longer; says both in `said`. */
function leads(said: string[], who: string, terms: LeaderTerm[] = []): LeadFunction {
  return async (term) => {
    said.push(`${who} begins`);
    terms.push(term);
    await new Promise((resolve) => term.signal.addEventListener("abort", resolve));
    await new Promise(setImmediate);
    said.push(`${who} ends`);
  };
}

async function seen(said: readonly string[], line: string, times = 1): Promise<void> {
  await until(() => said.filter((each) => each === line).length >= times, {
    what: `"${line}" ${times} times in ${said}`,
    intervalMs: 2,
  });
}

async function two(served: Served): Promise<[Bus, Bus]> {
  return [await served.client(), await served.client()];
}

describe("a leader", () => {
  it("is one of all, until it stops and has ended", async () => {
    const served = serve();
    const [one, other] = await two(served);
    const said: string[] = [];
    const terms: LeaderTerm[] = [];
    const first = await one.leader("boss", leads(said, "one", terms));
    await seen(said, "one begins");
    const second = await other.leader("boss", leads(said, "two", terms));
    expect(served.bus.counts).toMatchObject({ locks: 1, lockWaiters: 1 });
    expect([first.isLeading, second.isLeading]).toEqual([true, false]);
    await first.stop();
    expect([first.name, first.isLeading]).toEqual(["boss", false]);
    await seen(said, "two begins");
    expect(second.isLeading).toBe(true);
    await second[Symbol.asyncDispose]();
    expect(said).toEqual(["one begins", "one ends", "two begins", "two ends"]);
    expect(terms[1]?.fence).toBeGreaterThan(terms[0]?.fence ?? Number.NaN);
    expect(terms[0]?.signal.reason).toMatchObject({ code: "HF_BUS_LOCK_LOST" });
    expect(served.bus.counts).toMatchObject({ locks: 0, lockWaiters: 0 });
  });

  it("is nobody else while its function has not ended, however often it was told to", async () => {
    const served = serve();
    const [one, other] = await two(served);
    const [told, gate] = [deferred(), deferred()];
    const first = await one.leader("boss", async ({ signal }) => {
      signal.addEventListener("abort", () => told.resolve());
      await gate.promise;
    });
    await until(() => first.isLeading, { what: "it to lead" });
    const second = await other.leader("boss", () => new Promise(() => {}));
    const stopping = Promise.all([first.stop(), first.stop()]);
    await told.promise;
    for (let n = 0; n < 4; n++) await Promise.all([one.flush(), other.flush()]);
    expect([first.isLeading, second.isLeading]).toEqual([false, false]);
    expect(served.bus.counts).toMatchObject({ locks: 1, lockWaiters: 1 });
    gate.resolve();
    await stopping;
    await until(() => second.isLeading, { what: "the next one to lead" });
  });

  it("that only waits may stop, and never leads", async () => {
    const served = serve();
    const [one, other] = await two(served);
    const said: string[] = [];
    const first = await one.leader("boss", leads(said, "one"));
    await (await other.leader("boss", leads(said, "two"))).stop();
    await first.stop();
    await (await other.lock("boss", { timeout: 0 })).release();
    expect(said).toEqual(["one begins", "one ends"]);
  });

  it("that returns has led for good, one that throws is told and leads again later", async () => {
    const served = serve();
    const [one, other] = await two(served);
    const done = await one.leader("boss", () => {});
    await until(() => served.bus.counts.locks === 0, { what: "it to be given up" });
    expect(done.isLeading).toBe(false);
    const errors: unknown[] = [];
    other.on("error", (error, { subject }) => errors.push([(error as Error).message, subject]));
    let times = 0;
    const again = deferred();
    const failing = await other.leader("boss", () => {
      times += 1;
      if (times === 1) throw new Error("no work today");
      again.resolve();
    });
    await again.promise;
    expect(errors).toEqual([["no work today", "boss"]]);
    expect(times).toBe(2);
    await failing.stop();
    await done.stop();
  });

  it("of a lost connection ends, and leads again when there is one", async () => {
    const served = serve();
    const one = await served.client();
    const said: string[] = [];
    const terms: LeaderTerm[] = [];
    const leadership = await one.leader("boss", leads(said, "one", terms));
    await seen(said, "one begins");
    await served.stop();
    await seen(said, "one ends");
    expect(leadership.isLeading).toBe(false);
    served.start();
    await seen(said, "one begins", 2);
    expect(leadership.isLeading).toBe(true);
    expect(terms[1]?.fence).toBeGreaterThan(terms[0]?.fence ?? Number.NaN);
    await leadership.stop();
    expect(served.bus.counts.locks).toBe(0);
  });

  it("is none that starts, and none that drains: another one takes over at once", async () => {
    const served = serve();
    const [old, fresh] = [ownWorker(served, 1), ownWorker(served, 2)];
    const said: string[] = [];
    const wanted = await old.own.leader("boss", leads(said, "old"));
    const migrating = await old.own.lock("migrations");
    expect(said).toEqual([]);
    expect(served.bus.counts.lockWaiters).toBe(1);
    old.tell("worker:ready");
    await seen(said, "old begins");
    await fresh.own.leader("boss", leads(said, "new"));
    fresh.tell("worker:ready");
    await old.drain();
    await seen(said, "new begins");
    expect(said).toEqual(["old begins", "old ends", "new begins"]);
    expect(wanted.isLeading).toBe(false);
    expect(migrating.signal.aborted).toBe(false);
    const late = await old.own.leader("late", leads(said, "late"));
    await old.own.flush();
    expect(late.isLeading).toBe(false);
    expect(said).not.toContain("late begins");
  });

  it("is told by the supervisor when its worker hangs, and wants it again when it is well", async () => {
    const served = serve();
    const [hung, other] = [ownWorker(served, 1), ownWorker(served, 2)];
    const said: string[] = [];
    for (const each of [hung, other]) each.tell("worker:ready");
    await hung.own.leader("boss", leads(said, "hung"));
    await seen(said, "hung begins");
    const successor = await other.own.leader("boss", leads(said, "other"));
    served.bus.hear("worker:hung", { worker: 101, replaced: true } as never);
    await seen(said, "other begins");
    hung.tell("worker:recovered");
    await successor.stop();
    await seen(said, "hung begins", 2);
    expect(said).toEqual([
      ...["hung begins", "hung ends", "other begins", "other ends", "hung begins"],
    ]);
  });

  it("ends with close(), which waits for its function", async () => {
    const served = serve();
    const [one, other] = await two(served);
    const said: string[] = [];
    await one.leader("boss", leads(said, "one"));
    await seen(said, "one begins");
    await other.leader("boss", leads(said, "two"));
    await one.close();
    expect(said.slice(0, 2)).toEqual(["one begins", "one ends"]);
    await seen(said, "two begins");
    expect(await codeOf(one.leader("boss", () => {}))).toBe("HF_BUS_CLOSED");
  });

  it("is refused to a process that has 10,000 locks, and for what is no name and no function", async () => {
    const served = serve();
    const bus = await served.client();
    const names = Array.from({ length: 10_000 }, (_, n) => `lock.${n}`);
    await Promise.all(names.map((name) => bus.lock(name)));
    expect(await codeOf(bus.leader("boss", () => {}))).toBe("HF_BUS_OVERLOADED");
    expect(await codeOf(bus.leader("sys.boss", () => {}))).toBe("HF_BUS_SUBJECT_INVALID");
    expect(await codeOf(bus.leader("boss", null as never))).toBe("HF_BUS_OPTION_INVALID");
    const unknown = bus.leader("boss", () => {}, { every: 5 } as never);
    expect(await codeOf(unknown)).toBe("HF_BUS_OPTION_INVALID");
  });

  it("is none where no supervisor comes", async () => {
    const there = await puppet();
    there.vanish();
    const client = clientOf(there.path, 100);
    expect(await codeOf(client.leader("boss", () => {}))).toBe("HF_BUS_UNREACHABLE");
  });

  it("does not begin where its end comes with its grant", async () => {
    const there = await puppet();
    const client = clientOf(there.path);
    const said: string[] = [];
    const leadership = client.leader("boss", leads(said, "one"));
    const { id, head } = await there.frame(BUS.lock);
    expect(head).toEqual({ leader: true });
    there.send(BUS.done, { id, head: { fence: 7 } });
    there.send(BUS.unlock, { id });
    expect((await there.frame(BUS.unlock)).id).toBe(id);
    there.send(BUS.done, { id });
    expect((await leadership).isLeading).toBe(false);
    const again = await until(() => there.frames.filter(({ kind }) => kind === BUS.lock)[1], {
      what: "it to be wanted again",
    });
    expect(again.id).not.toBe(id);
    expect(said).toEqual([]);
  });
});

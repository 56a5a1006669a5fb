/** Locks of the bus: one holder at a time, whatever becomes of it. */

import { afterEach, describe, expect, it, vi } from "vitest";
import type { Bus } from "../../src/bus/api.ts";
import { BUS } from "../../src/link/bus-frames.ts";
import { TestClient } from "../supervisor/bus-clients.ts";
import { until } from "../support/until.ts";
import { ownWorker } from "./own-worker.ts";
import { clientOf, puppet } from "./puppet.ts";
import { atEnd, codeOf, rejection, type Served, serve } from "./served.ts";

afterEach(() => void vi.useRealTimers());

/** Resolves when so many wait for locks. */
async function waiting({ bus }: Served, count: number): Promise<void> {
  await until(() => bus.counts.lockWaiters === count, { what: `${count} who wait`, intervalMs: 2 });
}

/** Whether it has fired, and why. */
function why({ signal }: { readonly signal: AbortSignal }): unknown {
  return signal.aborted ? (signal.reason as { code: unknown }).code : null;
}

function isFree(bus: Bus, name: string): Promise<boolean> {
  const tried = bus.lock(name, { timeout: 0 });
  return tried
    .then((lock) => lock.release())
    .then(
      () => true,
      () => false,
    );
}

describe("a lock", () => {
  it("is one process's at a time, and goes on in the order of asking", async () => {
    const served = serve();
    const clients = [await served.client(), await served.client(), await served.client()];
    const [first, second, third] = clients as [Bus, Bus, Bus];
    const held = await first.lock("jobs");
    const order: string[] = [];
    const fences = [held.fence];
    const takes = async (bus: Bus, who: string): Promise<void> => {
      const lock = await bus.lock("jobs");
      order.push(who);
      fences.push(lock.fence);
      await lock.release();
    };
    const third1 = takes(third, "third");
    await waiting(served, 1);
    const first2 = takes(first, "first again");
    await waiting(served, 2);
    const second3 = takes(second, "second");
    await waiting(served, 3);
    expect(served.bus.counts.locks).toBe(1);
    const other = await second.lock("other");
    expect(order).toEqual([]);
    await held.release();
    await Promise.all([third1, first2, second3]);
    expect(order).toEqual(["third", "first again", "second"]);
    expect([...fences].sort((a, b) => a - b)).toEqual(fences);
    expect(new Set([...fences, other.fence]).size).toBe(5);
    expect(held.fence).toBeGreaterThan(Date.parse("2025-01-01") * 1000);
    expect(why(held)).toBe(null);
    await held.release();
    await other[Symbol.asyncDispose]();
    expect(served.bus.counts).toMatchObject({ locks: 0, lockWaiters: 0 });
  });

  it("that is not to be had in time is refused, at once with timeout 0", async () => {
    const served = serve();
    const [one, two] = [await served.client(), await served.client()];
    const held = await one.lock("jobs");
    expect(await rejection(two.lock("jobs", { timeout: 0 }))).toMatchObject({
      code: "HF_BUS_LOCKED",
      message: 'The lock "jobs" is not to be had: another one has it.',
    });
    const began = performance.now();
    expect(await rejection(two.lock("jobs", { timeout: 60 }))).toMatchObject({
      code: "HF_BUS_LOCKED",
      message: expect.stringContaining("another one has it, still after waiting 60 ms"),
    });
    expect(performance.now() - began).toBeGreaterThanOrEqual(59);
    await held.release();
    await (await two.lock("jobs", { timeout: 0 })).release();
  });

  it("is waited for no more when its signal fires, and goes to the next one", async () => {
    const served = serve();
    const [one, two, three] = [await served.client(), await served.client(), await served.client()];
    const held = await one.lock("jobs");
    const controller = new AbortController();
    const given = rejection(two.lock("jobs", { signal: controller.signal }));
    await waiting(served, 1);
    const wanted = three.lock("jobs");
    await waiting(served, 2);
    const reason = new Error("changed my mind");
    controller.abort(reason);
    expect(await given).toBe(reason);
    await held.release();
    await (await wanted).release();
    expect(await rejection(two.lock("jobs", { signal: controller.signal }))).toBe(reason);
    await waiting(served, 0);
  });

  it("comes after what was published under it", async () => {
    const served = serve();
    const [one, two] = [await served.client(), await served.client()];
    const heard: number[] = [];
    await two.subscribe("step", (step) => heard.push(step as number));
    const held = await one.lock("jobs");
    const next = two.lock("jobs");
    await waiting(served, 1);
    const body = Buffer.alloc(200_000);
    // More than the supervisor takes at once: the rest waits in this process, and so does the release.
    const published = Array.from({ length: 20 }, (_, n) => {
      return one.publish("step", n < 19 ? body : "last");
    });
    const released = held.release();
    await next;
    expect(heard).toHaveLength(20);
    await Promise.all([...published, released]);
  });

  it("is free when its holder closes, whose signal fires", async () => {
    const served = serve();
    const [one, two] = [await served.client(), await served.client()];
    const held = await one.lock("jobs");
    const next = two.lock("jobs");
    await waiting(served, 1);
    const closing = one.close();
    expect((await next).fence).toBeGreaterThan(held.fence);
    await closing;
    expect(why(held)).toBe("HF_BUS_LOCK_LOST");
    await held.release();
    expect(await codeOf(one.lock("jobs"))).toBe("HF_BUS_CLOSED");
  });

  it("is lost with the supervisor; who waited waits on, and gets it of the next", async () => {
    const served = serve();
    const [one, two] = [await served.client(), await served.client()];
    const held = await one.lock("jobs");
    const wanted = two.lock("jobs", { timeout: "1m" });
    await waiting(served, 1);
    const lost = new Promise((resolve) => held.signal.addEventListener("abort", resolve));
    await served.stop();
    await lost;
    expect(held.signal.reason).toMatchObject({
      code: "HF_BUS_LOCK_LOST",
      message: expect.stringContaining("the connection to the supervisor is lost"),
    });
    await held.release();
    served.start();
    const next = await wanted;
    expect(next.fence).toBeGreaterThan(held.fence);
    expect(why(next)).toBe(null);
    expect(served.bus.counts.locks).toBe(1);
  });

  it("is refused to a process that has 10,000, and for a name that is none", async () => {
    const served = serve();
    const bus = await served.client();
    const names = Array.from({ length: 10_000 }, (_, n) => `lock.${n}`);
    const locks = await Promise.all(names.map((name) => bus.lock(name)));
    expect(await codeOf(bus.lock("more"))).toBe("HF_BUS_OVERLOADED");
    await Promise.all(locks.map((lock) => lock.release()));
    expect(served.bus.counts.locks).toBe(0);
    for (const name of ["sys.jobs", "a b", "jobs.*", ""]) {
      expect(await codeOf(bus.lock(name))).toBe("HF_BUS_SUBJECT_INVALID");
    }
    expect(await codeOf(bus.lock("jobs", { timeout: -1 }))).toBe("HF_BUS_OPTION_INVALID");
  });

  it("is kept, waited for and had by a process that drains: its requests under way need it", async () => {
    const served = serve();
    const [{ own, drain }, client] = [ownWorker(served, 1), await served.client()];
    const held = await own.lock("jobs");
    const others = await client.lock("others");
    const given = own.lock("others");
    await waiting(served, 1);
    await drain();
    expect(served.bus.counts.lockWaiters).toBe(1);
    await (await own.lock("free", { timeout: 0 })).release();
    expect(why(held)).toBe(null);
    expect(await isFree(client, "jobs")).toBe(false);
    await held.release();
    expect(await isFree(client, "jobs")).toBe(true);
    await others.release();
    expect((await given).fence).toBeGreaterThan(others.fence);
  });

  it("is waited for no more by who closes the bus, and closing does not wait for it", async () => {
    const served = serve();
    const [one, two] = [await served.client(), await served.client()];
    const held = await one.lock("jobs");
    const given = codeOf(two.lock("jobs"));
    await waiting(served, 1);
    const began = performance.now();
    await two.close();
    expect(performance.now() - began).toBeLessThan(3000);
    expect(await given).toBe("HF_BUS_CLOSED");
    await held.release();
  });

  it("is passed over one whose event loop stands, who gets it when it is well again", async () => {
    const served = serve();
    const [{ own, tell }, client] = [ownWorker(served, 1), await served.client()];
    tell("worker:ready");
    const held = await client.lock("jobs");
    const wanted = own.lock("jobs");
    await waiting(served, 1);
    served.bus.hear("worker:hung", { worker: 101, replaced: true } as never);
    await held.release();
    await (await client.lock("jobs", { timeout: 0 })).release();
    tell("worker:recovered");
    await (await wanted).release();
  });
});

describe("the supervisor", () => {
  it("gives no lock below sys., and ends who uses a number twice", async () => {
    const served = serve();
    const client = await TestClient.at(served.path);
    atEnd(() => client.close());
    client.send(BUS.lock, 1, "sys.mine", {});
    await until(() => client.heard.length === 1, { what: "an answer" });
    expect(client.heard[0]).toMatchObject({
      ...{ kind: BUS.failure, id: 1 },
      head: { code: "HF_BUS_SUBJECT_INVALID" },
    });
    client.send(BUS.lock, 2, "mine", {});
    client.send(BUS.lock, 2, "other", {});
    await until(() => client.downs === 1, { what: "the connection to be ended" });
    expect(served.faults).toEqual([]);
    await until(() => served.bus.counts.locks === 0, { what: "its lock to be free" });
  });
});

describe("a process", () => {
  it("waits no longer than it said for a supervisor that says nothing", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const silent = await puppet();
    const client = clientOf(silent.path);
    const wanted = codeOf(client.lock("jobs", { timeout: "2s" }));
    const { id, head } = await silent.frame(BUS.lock);
    expect(head?.waitMs).toBeGreaterThan(0);
    vi.advanceTimersByTime(7000);
    expect(await wanted).toBe("HF_BUS_UNREACHABLE");
    expect((await silent.frame(BUS.unlock)).id).toBe(id);
  });

  it("is told of a lock's loss that comes with its grant", async () => {
    const there = await puppet();
    const client = clientOf(there.path);
    const wanted = client.lock("jobs");
    const { id } = await there.frame(BUS.lock);
    there.send(BUS.done, { id, head: { fence: 7 } });
    void there.link.end();
    const lock = await wanted;
    expect(lock.fence).toBe(7);
    await until(() => lock.signal.aborted, { what: "its signal" });
  });
});

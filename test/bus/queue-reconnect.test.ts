/** Durable queues over connections that are lost, and processes that leave. */

import { describe, expect, it } from "vitest";
import type { WorkerHooks } from "../../src/agent/hooks.ts";
import type { Bus } from "../../src/bus/api.ts";
import type { BusClient } from "../../src/bus/client.ts";
import { connect } from "../../src/bus/connect.ts";
import { createWorkerBus } from "../../src/bus/worker-bus.ts";
import { BUS } from "../../src/link/bus-frames.ts";
import { until } from "../support/until.ts";
import { clientOf, puppet } from "./puppet.ts";
import { proxyTo, serveQueues } from "./queue-served.ts";
import { atEnd, codeOf, deferred, type Served } from "./served.ts";

const EMPTY = { format: 0, id: 0, body: Buffer.alloc(0) };

async function client(path: string): Promise<Bus> {
  const made = await connect(path);
  atEnd(() => made.close({ timeout: 1 }));
  return made;
}

async function expectEmpty(bus: Bus): Promise<void> {
  const isEmpty = async (): Promise<boolean> => (await bus.queues.list()).length === 0;
  await until(isEmpty, { what: "empty queues", timeoutMs: 20_000 });
}

/** Resolves when the connection is there again. */
function upAgain(bus: Bus): Promise<void> {
  return new Promise((resolve) => {
    const forget = bus.on("up", () => {
      forget();
      resolve();
    });
  });
}

/** A consumer whose handlers wait for the gate. */
async function gated(bus: Bus, options = {}) {
  const [began, gate] = [deferred(), deferred()];
  const attempts: [unknown, number][] = [];
  const errors: unknown[] = [];
  bus.on("error", (error) => errors.push(error));
  const consumer = await bus.consume(
    "jobs",
    async (data, { attempt }) => {
      attempts.push([data, attempt]);
      began.resolve();
      await gate.promise;
    },
    options,
  );
  return { consumer, attempts, errors, began: began.promise, open: gate.resolve };
}

describe("a connection that is lost", () => {
  it("takes no message from the handler that has it, whose end counts over the next one", async () => {
    const served = serveQueues();
    const proxy = await proxyTo(served);
    const [one, other] = [await client(proxy.path), await served.client()];
    const work = await gated(one);
    await other.enqueue("jobs", 1);
    await work.began;
    const up = upAgain(one);
    proxy.cut();
    await up;
    const second = await gated(other);
    work.open();
    await expectEmpty(other);
    expect(work.attempts).toEqual([[1, 1]]);
    expect([...work.errors, ...second.attempts]).toEqual([]);
  });

  it("takes nothing either where the end was said and its answer was lost", async () => {
    const served = serveQueues();
    const proxy = await proxyTo(served);
    const [one, other] = [await client(proxy.path), await served.client()];
    const work = await gated(one);
    await other.enqueue("jobs", 1);
    await work.began;
    proxy.mute();
    work.open();
    await expectEmpty(other);
    const up = upAgain(one);
    proxy.cut();
    await up;
    await one.enqueue("jobs", 2);
    await expectEmpty(other);
    expect(work.attempts).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(work.errors).toEqual([]);
  });

  it("takes nothing where the supervisor was started again, and messages are there as before", async () => {
    const served = serveQueues();
    const one = await served.client();
    const work = await gated(one);
    await one.enqueue("jobs", 1);
    await work.began;
    const up = upAgain(one);
    await served.stop();
    const enqueued = one.enqueue("jobs", 2);
    served.start();
    await up;
    expect(await enqueued).toMatchObject({ duplicate: false });
    const other = await served.client();
    expect(await other.queues.list()).toMatchObject([{ queue: "jobs", ready: 1, leased: 1 }]);
    work.open();
    await expectEmpty(other);
    expect(work.attempts).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(work.errors).toEqual([]);
  });

  it("takes nothing either where the supervisor was away for long, and the handler has ended meanwhile", async () => {
    const served = serveQueues();
    const one = await served.client({ unreachableAfter: 100 });
    const work = await gated(one);
    await one.enqueue("jobs", 1);
    await work.began;
    await served.stop();
    const isAway = async () => (await codeOf(one.flush())) === "HF_BUS_UNREACHABLE";
    await until(isAway, { what: "the wait for a connection to be over" });
    work.open();
    await new Promise(setImmediate);
    const up = upAgain(one);
    served.start();
    await up;
    // In their order: what comes again comes before it.
    await one.enqueue("jobs", 2);
    await until(() => work.attempts.length > 1, { what: "the next message" });
    expect(work.attempts).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(work.errors).toEqual([]);
  });

  it("does not keep a process that drains then from its end", async () => {
    const served = serveQueues();
    const { own, drain } = worker(served);
    const work = await gated(own);
    await own.enqueue("jobs", 1);
    await work.began;
    await served.stop();
    const drained = drain();
    work.open();
    await drained;
  }, 30_000);

  it("stores a message once that is said again, and its publisher gets its answer", async () => {
    const served = serveQueues();
    const proxy = await proxyTo(served);
    const [one, other] = [await client(proxy.path), await served.client()];
    await one.enqueue("warm", 1);
    proxy.mute();
    const enqueued = Promise.all([1, 2, 3].map((n) => one.enqueue("jobs", n)));
    const stored = async () => (await other.queues.list()).find(({ queue }) => queue === "jobs");
    await until(async () => (await stored())?.ready === 3, { what: "the messages" });
    proxy.cut();
    const ids = (await enqueued).map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    expect(await stored()).toMatchObject({ ready: 3 });
  });

  it("that does not come back costs the lease after some time, which counts as an attempt", async () => {
    const served = serveQueues();
    const [one, other] = [await client(served.path), await served.client()];
    const work = await gated(one);
    await other.enqueue("jobs", 1);
    await work.began;
    const began = performance.now();
    await one.close({ timeout: 1 });
    const got = deferred<number>();
    await other.consume("jobs", (_data, { attempt }) => got.resolve(attempt));
    expect(await got.promise).toBe(2);
    expect(performance.now() - began).toBeGreaterThan(8000);
    await expectEmpty(other);
  }, 30_000);
});

describe("a handler that takes too long", () => {
  it("hears it, loses its message 5 s later, is given no other one meanwhile, and is told", async () => {
    const served = serveQueues();
    const [one, other] = [await served.client(), await served.client()];
    let signalled = "";
    const [gate, late] = [deferred(), deferred<unknown>()];
    let calls = 0;
    one.on("error", (error) => late.resolve(error));
    await one.consume(
      "jobs",
      async (_data, { signal }) => {
        calls += 1;
        signal.addEventListener("abort", () => {
          signalled = signal.reason.name;
        });
        await gate.promise;
      },
      { timeout: 100, backoff: { base: 1, max: 1 } },
    );
    await other.enqueue("jobs", 1, { attempts: 2 });
    await until(() => signalled, { what: "the signal" });
    expect(signalled).toBe("TimeoutError");
    await until(async () => (await other.queues.list())[0]?.ready === 1, {
      ...{ what: "the message to be given up", timeoutMs: 15_000 },
    });
    expect(calls).toBe(1);
    const got = deferred<number>();
    await other.consume("jobs", (_data, { attempt }) => got.resolve(attempt));
    expect(await got.promise).toBe(2);
    gate.resolve();
    expect(await late.promise).toMatchObject({ code: "HF_BUS_QUEUE_LATE" });
    await expectEmpty(other);
  }, 30_000);
});

/** A worker that is ready, and its drain. */
function worker({ bus }: Served, path?: string) {
  const known = { app: "app", slot: 1, worker: 2, generation: 1 };
  const settings = bus.admit(known, { uid: null, gid: null });
  bus.hear("worker:ready", { ...known, pid: process.pid } as never);
  const hooks: (() => unknown)[] = [];
  const own = createWorkerBus(() => {
    const agent = {
      bus: settings && { ...settings, ...(path ? { path } : {}), worker: 2 },
      draining: new AbortController().signal,
      onDrain: (_stage: string, hook: () => unknown) => hooks.push(hook),
    };
    return agent as unknown as WorkerHooks;
  }) as BusClient;
  atEnd(() => own.close({ timeout: 1 }));
  return { own, drain: () => Promise.all(hooks.map((hook) => hook())) };
}

describe("a worker", () => {
  it("keeps its message over a lost connection, but not over its own end: then it is another's at once", async () => {
    const served = serveQueues();
    const proxy = await proxyTo(served);
    const [{ own }, other] = [worker(served, proxy.path), await served.client()];
    const work = await gated(own);
    await other.enqueue("jobs", 1);
    await work.began;
    const up = upAgain(own);
    proxy.cut();
    await up;
    const got = deferred<number>();
    await other.consume("jobs", (_data, { attempt }) => got.resolve(attempt));
    expect(await other.queues.list()).toMatchObject([{ leased: 1, ready: 0 }]);
    const down = new Promise((resolve) => own.on("down", resolve));
    proxy.cut();
    await down;
    expect(await other.queues.list()).toMatchObject([{ leased: 1, ready: 0 }]);
    const began = performance.now();
    served.bus.ended(2);
    expect(await got.promise).toBe(2);
    expect(performance.now() - began).toBeLessThan(5000);
    await expectEmpty(other);
  });
});

describe("who leaves", () => {
  it("by draining ends what it has, whose end is written down then, and is given nothing more", async () => {
    const served = serveQueues();
    const [{ own, drain }, other] = [worker(served), await served.client()];
    const work = await gated(own, { concurrency: 2 });
    for (const n of [1, 2, 3, 4]) await other.enqueue("jobs", n);
    await until(() => work.attempts.length === 2, { what: "two at work" });
    let isOver = false;
    const drained = drain().then(() => {
      isOver = true;
    });
    for (let n = 0; n < 4; n++) await own.flush();
    expect(isOver).toBe(false);
    work.open();
    await drained;
    expect(await other.queues.list()).toMatchObject([{ ready: 2, leased: 0, delayed: 0 }]);
    const rest: unknown[] = [];
    await other.consume("jobs", (data, { attempt }) => void rest.push([data, attempt]));
    await expectEmpty(other);
    expect(rest).toEqual([
      [3, 1],
      [4, 1],
    ]);
    expect(work.attempts).toEqual([
      [1, 1],
      [2, 1],
    ]);
    // It may still put something in.
    await own.enqueue("jobs", 5);
    await until(() => rest.length === 3, { what: "what it has enqueued" });
  });

  it("by stopping is given nothing more, and ends what it has", async () => {
    const served = serveQueues();
    const [one, other] = [await served.client(), await served.client()];
    const work = await gated(one);
    await other.enqueue("jobs", 1);
    await other.enqueue("jobs", 2);
    await work.began;
    await work.consumer.stop();
    work.open();
    await until(async () => (await other.queues.list())[0]?.leased === 0, { what: "its end" });
    expect(await other.queues.list()).toMatchObject([{ ready: 1 }]);
    expect(work.attempts).toEqual([[1, 1]]);
  });

  it("by stopping ends also what was on its way then", async () => {
    let settling = 0;
    const lease = (to: number, message: string) => {
      const head = { message, attempt: 1, store: "s", timeoutMs: 60_000 };
      return { ...EMPTY, kind: BUS.lease, to, subject: "jobs", head };
    };
    const there = await puppet({
      heard({ kind, id, to, head }, { send, link }) {
        const answer = { id, head: { stood: true } };
        if (kind === BUS.settle && head?.message === "1") settling = id;
        else if (kind === BUS.settle) send(BUS.done, answer);
        else if (kind === BUS.consume && head?.concurrency !== 0) {
          send(BUS.done, { id });
          link.offer(lease(to, "1"));
        } else if (kind === BUS.consume) {
          // The first is written down, the second handed out, and only then it is heard that nothing more is wanted.
          send(BUS.done, { ...answer, id: settling });
          link.offer(lease(to, "2"));
          send(BUS.done, { id });
        }
      },
    });
    const own = clientOf(there.path);
    const taken: string[] = [];
    const consumer = await own.consume("jobs", (_data, { id }) => void taken.push(id));
    await there.frame(BUS.settle);
    await consumer.stop();
    const isSettled = () =>
      there.frames.some(({ kind, head }) => kind === BUS.settle && head?.message === "2");
    await until(isSettled, { what: "the end of the second" });
    expect(taken).toEqual(["1", "2"]);
  });

  it("by stopping is stopped only when the supervisor can do it, and ends what still comes", async () => {
    let stops = 0;
    const there = await puppet({
      heard({ kind, id, to, head }, { send, link }) {
        if (kind === BUS.settle) return send(BUS.done, { id, head: { stood: true } });
        if (kind !== BUS.consume) return;
        const isStop = head?.concurrency === 0;
        if (isStop) stops += 1;
        if (!isStop || stops > 1) return send(BUS.done, { id });
        const details = { queue: "jobs", reason: "the disk is full" };
        send(BUS.failure, { id, head: { code: "HF_BUS_QUEUE_FAILED", details } });
        const lease = { message: "1", attempt: 1, store: "s", timeoutMs: 60_000 };
        link.offer({ ...EMPTY, kind: BUS.lease, to, subject: "jobs", head: lease });
      },
    });
    const own = clientOf(there.path);
    const errors: unknown[] = [];
    own.on("error", (error) => errors.push(error));
    const taken: string[] = [];
    const consumer = await own.consume("jobs", (_data, { id }) => void taken.push(id));
    await consumer.stop();
    expect([stops, taken]).toEqual([2, ["1"]]);
    expect(await there.frame(BUS.settle)).toMatchObject({ head: { message: "1", how: "done" } });
    expect(errors).toMatchObject([{ code: "HF_BUS_QUEUE_FAILED" }]);
  });

  it("by closing waits for what is at work, and takes nothing more", async () => {
    const served = serveQueues();
    const [one, other] = [await served.client(), await served.client()];
    const work = await gated(one);
    await other.enqueue("jobs", 1);
    await work.began;
    const closed = one.close();
    expect(await codeOf(one.consume("jobs", () => {}))).toBe("HF_BUS_CLOSED");
    work.open();
    await closed;
    await expectEmpty(other);
  });
});

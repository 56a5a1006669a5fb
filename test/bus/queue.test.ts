/** Durable queues: what is enqueued is worked on, in which order, how often, and by whom. */

import { describe, expect, it } from "vitest";
import type { Bus } from "../../src/bus/api.ts";
import type { QueueWork } from "../../src/bus/queue-api.ts";
import { until } from "../support/until.ts";
import { serveQueues } from "./queue-served.ts";
import { codeOf, deferred, serve } from "./served.ts";

const QUICK = { base: 1, max: 1 };

/** Handlers that take turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

/** All queues are empty, of dead letters too. */
async function expectEmpty(client: Bus): Promise<void> {
  const isEmpty = async (): Promise<boolean> => (await client.queues.list()).length === 0;
  await until(isEmpty, { what: "empty queues" });
}

describe("a durable queue", () => {
  it("gives what was enqueued to a consumer, with what was said of it, and then it is gone", async () => {
    const served = serveQueues();
    const [client, other] = [await served.client(), await served.client({ name: "other" })];
    const before = Date.now();
    const first = await client.enqueue("mail", { to: 1 }, { key: "k", headers: { trace: "t" } });
    expect(first).toEqual({ id: expect.stringMatching(/^\d+$/), duplicate: false });
    await client.enqueue("mail", new Map([[1, 2]]), { encoding: "clone" });
    await client.enqueue("mail", Buffer.from("raw"));
    await client.enqueue("mail");
    const got: { data: unknown; work: QueueWork }[] = [];
    await other.consume("mail", (data, work) => void got.push({ data, work }));
    await until(() => got.length === 4, { what: "all messages" });
    expect(got.map(({ data }) => data)).toEqual([
      ...[{ to: 1 }, new Map([[1, 2]]), Buffer.from("raw"), undefined],
    ]);
    expect(got[0]?.work).toMatchObject({
      ...{ id: first.id, queue: "mail", attempt: 1, key: "k", headers: { trace: "t" } },
    });
    const { enqueuedAt = 0, deadline = 0, signal } = got[0]?.work ?? {};
    expect(enqueuedAt).toBeGreaterThanOrEqual(before);
    expect(deadline).toBeGreaterThan(Date.now() + 50_000);
    expect(signal?.aborted).toBe(false);
    await expectEmpty(client);
    expect(served.faults).toEqual([]);
  });

  it("shares messages out: each is worked on once, and all who have room get some", async () => {
    const served = serveQueues();
    const client = await served.client();
    const counts = [0, 0, 0, 0];
    const seen: unknown[] = [];
    for (const index of counts.keys()) {
      const one = await served.client();
      await one.consume(
        "jobs",
        async (data) => {
          counts[index] = (counts[index] ?? 0) + 1;
          await new Promise((resolve) => setImmediate(resolve));
          seen.push(data);
        },
        { concurrency: 5 },
      );
    }
    const wanted = Array.from({ length: 400 }, (_each, n) => n);
    await Promise.all(wanted.map((n) => client.enqueue("jobs", n)));
    await until(() => seen.length >= 400, { what: "all messages" });
    await expectEmpty(client);
    expect(seen.map(Number).sort((a, b) => a - b)).toEqual(wanted);
    expect(Math.min(...counts)).toBeGreaterThan(20);
  });

  it("has no more at work than a consumer wants, and urgent ones first", async () => {
    const served = serveQueues();
    const client = await served.client();
    await client.enqueue("jobs", "later", { priority: 0 });
    await client.enqueue("jobs", "usual");
    await client.enqueue("jobs", "soon", { priority: 9 });
    const order: unknown[] = [];
    let atWork = 0;
    let most = 0;
    await client.consume("jobs", async (data) => {
      atWork += 1;
      most = Math.max(most, atWork);
      order.push(data);
      await turns(20);
      atWork -= 1;
    });
    await expectEmpty(client);
    expect(order).toEqual(["soon", "usual", "later"]);
    expect(most).toBe(1);
  });

  it("hands out messages of one key one at a time, in their order, over retries", async () => {
    const served = serveQueues();
    const client = await served.client();
    const done = new Map<string, number[]>();
    const atWork = new Set<string>();
    let overlaps = 0;
    let failures = 0;
    for (let n = 0; n < 40; n++) await client.enqueue("steps", n, { key: `k${n % 4}` });
    client.on("error", () => {
      failures += 1;
    });
    const handler = async (n: number, { key, attempt }: QueueWork): Promise<void> => {
      const of = String(key);
      if (atWork.has(of)) overlaps += 1;
      atWork.add(of);
      await turns(10);
      atWork.delete(of);
      if (n % 3 === 0 && attempt < 3) throw new Error("not yet");
      done.set(of, [...(done.get(of) ?? []), n]);
    };
    for (let n = 0; n < 2; n++) {
      const one = await served.client();
      one.on("error", () => {
        failures += 1;
      });
      await one.consume("steps", handler, { concurrency: 8, backoff: QUICK });
    }
    await expectEmpty(client);
    expect(overlaps).toBe(0);
    expect(failures).toBe(28);
    expect([...done.keys()].sort()).toEqual(["k0", "k1", "k2", "k3"]);
    for (const order of done.values()) {
      expect(order).toHaveLength(10);
      expect(order).toEqual([...order].sort((one, other) => one - other));
    }
  });

  it("knows by dedupe what it has already, and holds back what is delayed", async () => {
    const served = serveQueues();
    const client = await served.client();
    const first = await client.enqueue("mail", 1, { dedupe: "order-7", delay: "300ms" });
    const second = await client.enqueue("mail", 2, { dedupe: "order-7" });
    expect(second).toEqual({ id: first.id, duplicate: true });
    const began = performance.now();
    const got = deferred<unknown>();
    await client.consume("mail", got.resolve);
    expect(await got.promise).toBe(1);
    expect(performance.now() - began).toBeGreaterThan(200);
    await expectEmpty(client);
  });
});

describe("a message whose handler fails", () => {
  it("comes again, and after its last attempt is a dead letter that says why; it can be tried again", async () => {
    const served = serveQueues();
    const client = await served.client();
    const told: unknown[] = [];
    client.on("error", (error, { subject }) => told.push([(error as Error).message, subject]));
    const attempts: number[] = [];
    let isMended = false;
    const handler = (_data: unknown, { attempt }: QueueWork): void => {
      attempts.push(attempt);
      if (!isMended) throw new RangeError("too far");
    };
    await client.consume("mail", handler, { backoff: QUICK });
    const { id } = await client.enqueue("mail", { a: 1 }, { attempts: 3 });
    const dead = await until(async () => (await client.queues.peek("mail", { state: "dead" }))[0], {
      what: "a dead letter",
    });
    expect(attempts).toEqual([1, 2, 3]);
    expect(told).toEqual(Array(3).fill(["too far", "mail"]));
    expect(dead).toMatchObject({ id, attempt: 3, attempts: 3, reason: "failed", from: "client" });
    expect(dead.error).toMatchObject({ name: "RangeError", message: "too far" });
    expect(dead.error?.stack).toContain("queue.test.ts");
    expect(JSON.parse(dead.body.toString())).toEqual({ a: 1 });
    isMended = true;
    expect(await client.queues.retry("mail", { id })).toBe(1);
    await expectEmpty(client);
    expect(attempts).toEqual([1, 2, 3, 1]);
  });

  it("says when it is to come again, or that it is not to", async () => {
    const served = serveQueues();
    const client = await served.client();
    client.on("error", () => {});
    const at: number[] = [];
    await client.consume("later", () => {
      at.push(performance.now());
      if (at.length === 1) throw Object.assign(new Error("busy"), { retryAfter: "400ms" });
    });
    await client.consume("never", () => {
      throw Object.assign(new Error("nonsense"), { dead: true });
    });
    await client.enqueue("later");
    await client.enqueue("never");
    await until(() => at.length === 2, { what: "the second delivery" });
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(350);
    const [dead] = await client.queues.peek("never", { state: "dead" });
    expect(dead).toMatchObject({ attempt: 1, error: { message: "nonsense" } });
    expect(await client.queues.purge("never", { state: "dead" })).toBe(1);
    await expectEmpty(client);
  });
});

describe("a supervisor", () => {
  it("without a folder says so, and that queues are full", async () => {
    const none = await serve().client();
    expect(await codeOf(none.enqueue("a", 1))).toBe("HF_BUS_QUEUE_NO_FOLDER");
    expect(await codeOf(none.consume("a", () => {}))).toBe("HF_BUS_QUEUE_NO_FOLDER");
    const full = await serveQueues({ maxMessages: 1 }).client();
    await full.enqueue("a", 1);
    await expect(full.enqueue("a", 2)).rejects.toMatchObject({
      ...{ code: "HF_BUS_QUEUE_FULL", remedy: expect.stringContaining("consumers") },
    });
  });

  it("refuses calls that cannot be meant", async () => {
    const client = await serveQueues().client();
    const wrong = [
      client.enqueue("a.*"),
      client.enqueue("sys.a"),
      client.enqueue("a", () => {}),
      client.enqueue("a", 1, { priority: 10 }),
      client.enqueue("a", Buffer.alloc(1024 * 1024 + 1)),
      client.consume("a", null as never),
      client.consume("a", () => {}, { concurrency: 0 }),
      client.consume("a", () => {}, { backoff: { base: "x" } }),
      client.consume("a", () => {}, { backoff: { step: 1 } as never }),
      client.queues.peek("a", { state: "gone" as never }),
      client.queues.purge("a", { id: "x" }),
    ];
    expect(await Promise.all(wrong.map(codeOf))).toEqual([
      ...["HF_BUS_SUBJECT_INVALID", "HF_BUS_SUBJECT_INVALID", "HF_BUS_DATA_INVALID"],
      ...["HF_BUS_OPTION_INVALID", "HF_BUS_TOO_LARGE"],
      ...Array(6).fill("HF_BUS_OPTION_INVALID"),
    ]);
  });
});

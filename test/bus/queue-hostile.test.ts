/** What one client says of durable queues must not hurt others, nor the supervisor. */

import { describe, expect, it } from "vitest";
import type { QueueWork } from "../../src/bus/queue-api.ts";
import { BUS, type Head } from "../../src/link/bus-frames.ts";
import { EMPTY, TestClient } from "../supervisor/bus-clients.ts";
import { until } from "../support/until.ts";
import { serveQueues } from "./queue-served.ts";
import { atEnd, deferred, type Served } from "./served.ts";

const SESSION = { session: "s", concurrency: 1 };

async function intruder({ path }: Served, options = {}): Promise<TestClient> {
  const client = await TestClient.at(path, options);
  atEnd(() => client.close());
  return client;
}

function enqueue(client: TestClient, id: number, head: Head | null, body = EMPTY, subject = "q") {
  return client.link?.offer({ kind: BUS.enqueue, id, to: 0, subject, format: 1, head, body });
}

function say(client: TestClient, kind: number, id: number, to: number, head: Head | null): void {
  client.link?.send({ kind, id, to, subject: "q", format: 0, head, body: EMPTY });
}

async function codeOf(client: TestClient, id: number): Promise<unknown> {
  const { kind, head } = await client.answer(id);
  return kind === BUS.failure ? head?.code : null;
}

describe("a client that says what it likes", () => {
  it("ends nothing that it was not given, and takes nothing that another one holds", async () => {
    const served = serveQueues();
    const [bad, good] = [await intruder(served), await served.client()];
    const gate = deferred();
    const works: QueueWork[] = [];
    await good.consume("q", async (_data, work) => {
      works.push(work);
      await gate.promise;
    });
    const { id } = await good.enqueue("q", 1);
    await until(() => works.length === 1, { what: "a message at work" });
    const lease = { message: id, attempt: 1, how: "done" };
    say(bad, BUS.settle, 1, 1, lease);
    say(bad, BUS.consume, 2, 1, { ...SESSION, holding: [[id, 1]] });
    say(bad, BUS.settle, 3, 1, lease);
    say(bad, BUS.settle, 4, 1, { ...lease, how: "dead" });
    const answers = await Promise.all([1, 3, 4].map((number) => bad.answer(number)));
    expect(answers.map(({ head }) => head)).toEqual(Array(3).fill({ stood: false }));
    expect(await good.queues.list()).toMatchObject([{ leased: 1, ready: 0, dead: 0 }]);
    gate.resolve();
    await until(async () => (await good.queues.list()).length === 0, { what: "its end" });
    expect([works.length, bad.downs, served.faults]).toEqual([1, 0, []]);
  });

  it("ends no message by the name of one of another supervisor's store", async () => {
    const served = serveQueues();
    const [one, good] = [await intruder(served), await served.client()];
    say(one, BUS.consume, 1, 1, SESSION);
    expect(await codeOf(one, 1)).toBeNull();
    await good.enqueue("q", 1);
    const { head } = await until(() => one.of(BUS.lease)[0], { what: "a message" });
    const { message, attempt, store } = head ?? {};
    say(one, BUS.settle, 2, 1, { message, attempt, store: "another", how: "done" });
    expect((await one.answer(2)).head).toEqual({ stood: false });
    expect(await good.queues.list()).toMatchObject([{ leased: 1 }]);
    say(one, BUS.settle, 3, 1, { message, attempt, store, how: "done" });
    expect((await one.answer(3)).head).toEqual({ stood: true });
    expect(await good.queues.list()).toEqual([]);
  });

  it("is refused where it makes no sense, and goes on otherwise", async () => {
    const served = serveQueues();
    const bad = await intruder(served);
    enqueue(bad, 1, null);
    enqueue(bad, 2, { once: "a" }, EMPTY, "sys.q");
    enqueue(bad, 3, { once: "b" }, EMPTY, "q.*");
    const long = Buffer.alloc(1024 * 1024 + 1);
    await until(() => enqueue(bad, 4, { once: "c" }, long), { what: "room for it alone" });
    say(bad, BUS.consume, 5, 1, null);
    say(bad, BUS.consume, 6, 0, SESSION);
    say(bad, BUS.manage, 7, 0, { what: "drop" });
    say(bad, BUS.settle, 8, 1, { message: {}, attempt: "x" });
    const codes = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((id) => codeOf(bad, id)));
    expect(codes).toEqual([
      ...["HF_BUS_REFUSED", "HF_BUS_SUBJECT_INVALID", "HF_BUS_SUBJECT_INVALID"],
      ...["HF_BUS_TOO_LARGE", "HF_BUS_REFUSED", "HF_BUS_REFUSED", "HF_BUS_REFUSED", null],
    ]);
    const odd = { once: "d", priority: 1e9, attempts: -1, delayMs: -5, ttlMs: "x", dedupeMs: NaN };
    enqueue(bad, 9, { ...odd, key: 7, headers: [1] }, Buffer.from("1"));
    expect(await codeOf(bad, 9)).toBeNull();
    const other = await served.client();
    const [message] = await other.queues.peek("q");
    expect(message).toMatchObject({ priority: 9, attempts: 1, key: null, headers: null });
    expect(served.faults).toEqual([]);
  });

  it("gets no more by wanting much, nor by claiming it, and no window is filled beyond its end", async () => {
    const served = serveQueues();
    const [bad, good] = [await intruder(served, { works: false }), await served.client()];
    const holding = Array.from({ length: 20_000 }, (_each, n) => [String(n), 1]);
    say(bad, BUS.consume, 1, 1, { ...SESSION, concurrency: 1e12, timeoutMs: 1e15, holding });
    expect(await codeOf(bad, 1)).toBeNull();
    const body = Buffer.alloc(100 * 1024);
    for (let n = 0; n < 30; n++) await good.enqueue("q", body);
    const leased = await until(() => bad.of(BUS.lease).length >= 10 && bad.of(BUS.lease), {
      what: "as many as its window takes",
    });
    await bad.sync();
    expect(leased.length).toBe(10);
    // What was meant for it and had no room is given to others as soon as it is gone or stops.
    const [summary] = await good.queues.list();
    expect(summary?.leased).toBeLessThan(20);
    const got: unknown[] = [];
    await good.consume("q", (_data, { id }) => void got.push(id), { concurrency: 10 });
    await bad.close();
    await until(() => got.length >= 20, { what: "what it was not sent" });
    expect(served.faults).toEqual([]);
  });

  it("has only so many consumers and questions", async () => {
    const served = serveQueues();
    const bad = await intruder(served);
    for (let n = 1; n <= 300; n++) say(bad, BUS.consume, n, n, SESSION);
    expect(await codeOf(bad, 256)).toBeNull();
    for (let n = 301; n <= 400; n++) say(bad, BUS.manage, n, 0, { what: "list" });
    await bad.answer(400);
    const codes = await Promise.all(
      Array.from({ length: 100 }, (_each, n) => codeOf(bad, 301 + n)),
    );
    expect(codes.filter((code) => code === null).length).toBeGreaterThanOrEqual(16);
    expect(codes.filter((code) => code === "HF_BUS_OVERLOADED").length).toBeGreaterThan(0);
    say(bad, BUS.consume, 500, 500, SESSION);
    expect(await codeOf(bad, 500)).toBe("HF_BUS_OVERLOADED");
    say(bad, BUS.consume, 501, 1, { ...SESSION, concurrency: 0 });
    expect(await codeOf(bad, 501)).toBeNull();
  });

  it("leaves nothing lying that was meant for a consumer it has stopped", async () => {
    const served = serveQueues();
    const [bad, good] = [await intruder(served, { works: false }), await served.client()];
    say(bad, BUS.consume, 1, 1, { ...SESSION, concurrency: 40 });
    expect(await codeOf(bad, 1)).toBeNull();
    const body = Buffer.alloc(100 * 1024);
    for (let n = 0; n < 12; n++) await good.enqueue("q", body, { attempts: 1 });
    const leased = async () => (await good.queues.list())[0]?.leased;
    await until(async () => (await leased()) === 11, { what: "one that has no room" });
    say(bad, BUS.consume, 2, 1, { ...SESSION, concurrency: 0 });
    expect(await codeOf(bad, 2)).toBeNull();
    expect(await leased()).toBe(10);
    expect(bad.of(BUS.lease).length).toBe(10);
    expect(await good.queues.list()).toMatchObject([{ ready: 2, dead: 0 }]);
  });

  it("has one consumer by a number, whatever it calls itself, and what the last one had is not its for ever", async () => {
    const served = serveQueues();
    const [bad, good] = [await intruder(served), await served.client()];
    for (let n = 0; n < 20; n++) await good.enqueue("q", n);
    for (let n = 1; n <= 300; n++) {
      say(bad, BUS.consume, n, 1, { session: `s${n}`, concurrency: 1 });
      await bad.answer(n);
    }
    const sent = bad.of(BUS.lease).length;
    // Those that came by the last one cost nothing more; what others had is given up some time after.
    const [now] = await good.queues.list();
    expect(now?.leased).toBe(sent);
    await bad.close();
    const done = new Set<unknown>();
    await good.consume("q", (data) => void done.add(data), { concurrency: 20 });
    await until(() => done.size === 20, { what: "all of them", timeoutMs: 20_000 });
    expect(served.faults).toEqual([]);
  }, 30_000);

  it("keeps no room by stopping consumers that it says have much", async () => {
    const served = serveQueues();
    const bad = await intruder(served);
    const holding = Array.from({ length: 100 }, (_each, n) => [String(n), 1]);
    for (let n = 1; n <= 300; n++) {
      say(bad, BUS.consume, n, n, { ...SESSION, concurrency: 0, holding });
    }
    await bad.answer(300);
    say(bad, BUS.consume, 500, 500, SESSION);
    expect(await codeOf(bad, 500)).toBeNull();
  });

  it("cannot fill the disk with errors, which nobody counts", async () => {
    const served = serveQueues();
    const [bad, good] = [await intruder(served), await served.client()];
    say(bad, BUS.consume, 1, 1, SESSION);
    await good.enqueue("q", 1);
    const { head } = await until(() => bad.of(BUS.lease)[0], { what: "a message" });
    const long = "x".repeat(200_000);
    const error = { name: long, message: long, stack: long, code: long, cause: { message: long } };
    say(bad, BUS.settle, 2, 1, { ...head, how: "dead", error });
    expect((await bad.answer(2)).head).toEqual({ stood: true });
    const [dead] = await good.queues.peek("q", { state: "dead" });
    expect(dead?.error?.message).toMatch(/^x+$/);
    expect(JSON.stringify(dead?.error).length).toBeLessThan(17_000);
  });
});

/** What the store of the durable queues hands out, when, and to whom not. */

import { describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { QueueFolder, taken, takeOne } from "./queue-folder.ts";

const FAILED = {
  how: "retry",
  delayMs: 0,
  reason: "failed",
  error: { name: "TypeError", message: "no" },
} as const;

describe("the order of a queue", () => {
  it("is by priority, and as they came among equals; other queues are others'", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    const add = (text: string, priority: number) => store.add(folder.message(text, { priority }));
    await Promise.all([add("a", 4), add("b", 0), add("c", 9), add("d", 4), add("e", 9)]);
    await store.add(folder.message("x", { queue: "other" }));
    expect(await taken(store, 2)).toEqual(["c", "e"]);
    expect(await taken(store)).toEqual(["a", "d", "b"]);
    expect(await taken(store)).toEqual([]);
    expect(folder.due).toContain("other");
  });

  it("a lease brings all that was said, and a body of any kind and size", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    const big = Buffer.alloc(1024 * 1024, "holdfast");
    const before = Date.now();
    const terms = { key: "k", headers: { trace: "4f" }, format: 17, attempts: 7, body: big };
    const [{ id, duplicate }] = await Promise.all([
      store.add(folder.message("", terms)),
      store.add(folder.message("", { format: 0 })),
    ]);
    expect(duplicate).toBe(false);
    const [first, second] = await store.take("mails", 2, "w1");
    expect(first).toMatchObject({
      id,
      queue: "mails",
      attempt: 1,
      key: "k",
      format: 17,
      attempts: 7,
    });
    expect(first?.headers).toEqual({ trace: "4f" });
    expect(first?.body.equals(big)).toBe(true);
    expect(first?.enqueuedAt).toBeGreaterThanOrEqual(before);
    expect(second).toMatchObject({ format: 0, headers: null, key: null });
    expect(second?.body.length).toBe(0);
    const held = await store.held();
    expect(held).toContainEqual({ id, attempt: 1, queue: "mails", holder: "w1" });
  });

  it("of one key one is out at a time, in their order, whatever their priority", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    const add = (text: string, key: string, priority = 4) =>
      store.add(folder.message(text, { key, priority }));
    await Promise.all([add("a1", "a"), add("a2", "a", 9), add("b1", "b"), add("a3", "a")]);
    const [a1, b1] = await store.take("mails", 10, "w1");
    expect([a1, b1].map((lease) => lease?.body.toString())).toEqual(["a1", "b1"]);
    await store.settle({ id: a1?.id ?? "", attempt: 1, ...FAILED, delayMs: 60_000 });
    expect(await taken(store)).toEqual([]);
    expect(await store.purge("mails", null, a1?.id ?? "")).toBe(1);
    const a2 = await takeOne(store);
    expect(a2.body.toString()).toBe("a2");
    await store.settle({ ...a2, how: "dead", error: null, reason: "failed" });
    expect(await taken(store)).toEqual(["a3"]);
  });

  it("a delayed message comes when it is due, and that is told", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    const start = Date.now();
    await store.add(folder.message("later", { delayMs: 150 }));
    expect(await taken(store)).toEqual([]);
    expect(store.reading.depth).toMatchObject({ ready: 0, delayed: 1 });
    await until(() => folder.due.includes("mails"), { what: "the word that it is due" });
    expect(Date.now() - start).toBeGreaterThanOrEqual(149);
    expect(await taken(store)).toEqual(["later"]);
  });

  it("one whose time to live is over is removed, counted, and lets the next of its key go", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    await store.add(folder.message("old", { key: "k", ttlMs: 50, delayMs: 60_000 }));
    await store.add(folder.message("next", { key: "k" }));
    expect(await taken(store)).toEqual([]);
    await until(() => store.reading.expired === 1, { what: "the end of its time" });
    expect(await taken(store)).toEqual(["next"]);
  });
});

describe("how a lease ends", () => {
  it("done: the message is gone; said twice, or of another attempt, it does not stand", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    await store.add(folder.message("a"));
    const { id, attempt } = await takeOne(store);
    expect(await store.settle({ id, attempt: 2, how: "done" })).toBe(false);
    expect(await store.settle({ id: "1e1", attempt: 1, how: "done" })).toBe(false);
    expect(await store.settle({ id, attempt, how: "done" })).toBe(true);
    expect(await store.settle({ id, attempt, how: "done" })).toBe(false);
    expect(await store.list()).toEqual([]);
    expect(store.reading).toMatchObject({ enqueued: 1, done: 1, depth: { leased: 0, bytes: 0 } });
  });

  it("released: as if never handed out", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    await store.add(folder.message("a", { attempts: 1 }));
    const { id } = await takeOne(store);
    expect(await store.settle({ id, attempt: 1, how: "release" })).toBe(true);
    expect((await takeOne(store)).attempt).toBe(1);
  });

  it("failed: it comes again until its last attempt, then it is a dead letter with its reason", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    await store.add(folder.message("poison", { attempts: 3, ttlMs: 60_000 }));
    for (const attempt of [1, 2, 3]) {
      const lease = await takeOne(store);
      expect(lease.attempt).toBe(attempt);
      expect(await store.settle({ id: lease.id, attempt, ...FAILED })).toBe(true);
    }
    expect(await taken(store)).toEqual([]);
    expect(store.reading).toMatchObject({ retried: 2, dead: 1, depth: { ready: 0, dead: 1 } });
    const [letter] = await store.peek("mails", "dead", 10);
    expect(letter).toMatchObject({
      attempt: 3,
      attempts: 3,
      reason: "failed",
      error: FAILED.error,
    });
    expect(letter).toMatchObject({ state: "dead", priority: 4, from: "test", expiresAt: null });
    expect(letter?.body.toString()).toBe("poison");
    expect(letter?.failedAt).toBeGreaterThanOrEqual(letter?.enqueuedAt ?? Number.NaN);
  });
});

describe("what was sent twice", () => {
  it("with the same once, is stored once, also after a reopening; ten minutes later it is another", async () => {
    await using folder = new QueueFolder();
    const first = await folder.open();
    const message = folder.message("a");
    const both = await Promise.all([first.add(message), first.add(message)]);
    const [{ id }] = both;
    expect(both.map(({ duplicate }) => duplicate)).toEqual([false, true]);
    await first.settle({ ...(await takeOne(first)), how: "done" });
    await first.close();
    const second = await folder.open();
    expect(await second.add(message)).toEqual({ id, duplicate: true });
    expect(second.reading.duplicates).toBe(1);
    await second.close();
    const later = await folder.open({ clockAheadMs: 601_000 });
    expect((await later.add(message)).duplicate).toBe(false);
  });

  it("with the same dedupe text, is stored once within the window, for each queue", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    const add = (queue: string, dedupeMs = 60_000) =>
      store.add(folder.message("a", { queue, dedupe: "order-7", dedupeMs }));
    const { id } = await add("mails");
    expect(await add("mails")).toEqual({ id, duplicate: true });
    expect((await add("bills", 1)).duplicate).toBe(false);
    await until(async () => !(await add("bills", 1)).duplicate, { what: "the window's end" });
    expect(store.reading.depth.ready).toBe(3);
  });
});

/** What people do to queues, and how much they may hold. */

import { describe, expect, it } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import type { QueueStore } from "../../src/supervisor/queue/store.ts";
import { QueueFolder, taken, takeOne } from "./queue-folder.ts";

async function bury(store: QueueStore): Promise<string> {
  const { id, attempt } = await takeOne(store);
  await store.settle({ id, attempt, how: "dead", error: null, reason: "timeout" });
  return id;
}

describe("queues in the hands of people", () => {
  it("dead letters go back, one or all, with all their attempts", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    for (const text of ["a", "b", "c"]) await store.add(folder.message(text, { attempts: 1 }));
    const [first] = [await bury(store), await bury(store), await bury(store)];
    expect(await store.retry("other", first)).toBe(0);
    expect(await store.retry("mails", first)).toBe(1);
    expect(await takeOne(store)).toMatchObject({ id: first, attempt: 1 });
    expect(await store.retry("mails", null)).toBe(2);
    expect(await taken(store)).toEqual(["b", "c"]);
    expect(await store.retry("mails", null)).toBe(0);
  });

  it("more than fit one commit are put back and removed, and others are served meanwhile", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    await Promise.all(Array.from({ length: 1700 }, () => store.add(folder.message("a"))));
    const leases = await store.take("mails", 1700, "w1");
    const dead = { how: "dead", error: null, reason: "failed" } as const;
    await Promise.all(leases.map(({ id, attempt }) => store.settle({ id, attempt, ...dead })));
    expect(await store.retry("mails", null)).toBe(1700);
    const order: string[] = [];
    const purged = store.purge("mails", "ready", null).then((count) => {
      order.push("purge");
      return count;
    });
    await store.add(folder.message("b", { queue: "other" })).then(() => order.push("add"));
    expect(await purged).toBe(1700);
    expect(order).toEqual(["add", "purge"]);
    expect((await store.list()).map(({ queue }) => queue)).toEqual(["other"]);
  });

  it("are listed and shown by state, and purged by it", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    await store.add(folder.message("dead", { priority: 9 }));
    await bury(store);
    await store.add(folder.message("out", { priority: 8, key: "k" }));
    const { id } = await takeOne(store);
    await store.add(folder.message("behind it", { key: "k" }));
    await store.add(folder.message("later", { delayMs: 60_000 }));
    await store.add(folder.message("x".repeat(5000)));
    const [queue] = await store.list();
    expect(queue).toMatchObject({ queue: "mails", ready: 2, delayed: 1, leased: 1, dead: 1 });
    const [out] = await store.peek("mails", "leased", 5);
    expect(out).toMatchObject({ id, holder: "w1" });
    expect(queue?.oldestAt).toBe(out?.enqueuedAt);
    const ready = await store.peek("mails", "ready", 5);
    expect(ready.map(({ bodyBytes, body }) => [bodyBytes, body.length])).toEqual([
      [5000, 4096],
      [9, 9],
    ]);
    expect(await store.peek("mails", "ready", 1)).toHaveLength(1);
    expect(await store.purge("mails", "delayed", null)).toBe(1);
    expect(await store.purge("mails", "dead", id)).toBe(0);
    expect(await store.purge("mails", null, null)).toBe(4);
    expect(await store.settle({ id, attempt: 1, how: "done" })).toBe(false);
    expect(await store.list()).toEqual([]);
    expect(store.reading.depth).toEqual({ ready: 0, delayed: 0, leased: 0, dead: 0, bytes: 0 });
  });
});

describe("the bounds of a store", () => {
  it("messages and bytes beyond them are refused, and taken again when there is room", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open({ maxMessages: 3, maxBytes: 1000 });
    const results = await Promise.allSettled(
      ["a", "b", "c", "d"].map((text) => store.add(folder.message(text))),
    );
    expect(results.map(({ status }) => status)).toEqual([
      ...["fulfilled", "fulfilled", "fulfilled", "rejected"],
    ]);
    const refused = await store.add(folder.message("e")).catch((error) => error);
    expect(refused).toBeInstanceOf(HoldfastError);
    expect(refused.code).toBe("HF_BUS_QUEUE_FULL");
    expect(refused.message).toContain('"mails"');
    await store.settle({ ...(await takeOne(store)), how: "done" });
    await expect(store.add(folder.message("x".repeat(999)))).rejects.toThrow("1000 bytes");
    expect(store.reading).toMatchObject({ enqueued: 3, depth: { bytes: 2 } });
    await store.add(folder.message("x".repeat(998)));
  });

  it("one that cannot be stored takes no other of its commit along", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open();
    const results = await Promise.allSettled([
      store.add(folder.message("a", { key: "k" })),
      store.add(folder.message("b", { delayMs: Number.NaN })),
      store.add(folder.message("c", { key: "k" })),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(results[1]).toMatchObject({ reason: { code: "HF_BUS_QUEUE_FAILED" } });
    expect(store.reading).toMatchObject({ enqueued: 2, depth: { ready: 2, bytes: 4 } });
    expect(await taken(store)).toEqual(["a"]);
  });

  it("large messages come in several answers, and the rest is told to be ready", async () => {
    await using folder = new QueueFolder();
    const store = await folder.open({ maxBytes: 2 ** 26 });
    const body = Buffer.alloc(3 * 1024 * 1024);
    for (let number = 0; number < 3; number += 1) await store.add(folder.message("", { body }));
    folder.due.length = 0;
    expect(await store.take("mails", 10, "w1")).toHaveLength(2);
    expect(folder.due).toEqual(["mails"]);
    expect(await store.take("mails", 10, "w1")).toHaveLength(1);
  });
});

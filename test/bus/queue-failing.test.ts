/** Durable queues whose store fails: what is at work then, and what was meant to be. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { BUS } from "../../src/link/bus-frames.ts";
import { EMPTY, TestClient } from "../supervisor/bus-clients.ts";
import { projectRoot } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { queueFolder, serveQueues } from "./queue-served.ts";
import { atEnd, deferred } from "./served.ts";

const MORTAL = fileURLToPath(new URL("../fixtures/queue-thread-mortal.cjs", import.meta.url));
const FULL = join(projectRoot, "test/fixtures/queue-full-bus.mjs");
const isRoot = process.getuid?.() === 0;
const canMount = isRoot && spawnSync("unshare", ["-m", "true"], { stdio: "ignore" }).status === 0;

/** A bus whose store can be made to fail. */
function serveMortal() {
  const folder = queueFolder();
  const served = serveQueues({ folder, program: MORTAL });
  const fail = async (): Promise<void> => {
    const before = served.faults.length;
    writeFileSync(join(folder, "die"), "");
    await until(() => served.faults.length > before, { what: "the store's failure" });
  };
  return { served, fail };
}

describe("a store that fails under way", () => {
  it("is opened again by itself: what is at work stays, and the rest goes on", async () => {
    const { served, fail } = serveMortal();
    const [one, other] = [await served.client(), await served.client()];
    const [began, gate] = [deferred(), deferred()];
    const attempts: unknown[] = [];
    const errors: unknown[] = [];
    one.on("error", (error) => errors.push(error));
    await one.consume(
      "jobs",
      async (data, { attempt }) => {
        attempts.push([data, attempt]);
        began.resolve();
        if (data === 1) await gate.promise;
      },
      { concurrency: 2 },
    );
    await other.enqueue("jobs", 1);
    await began.promise;
    await other.enqueue("jobs", 2, { delay: 600 });
    await fail();
    expect(served.faults).toMatchObject([{ code: "HF_BUS_QUEUE_FAILED" }]);
    expect(served.faults[0]?.message).toContain("told to die");
    // Nobody calls: the consumer alone brings it back.
    await until(() => attempts.length === 2, { what: "the delayed one", timeoutMs: 10_000 });
    gate.resolve();
    await until(async () => (await other.queues.list()).length === 0, { what: "their ends" });
    expect(attempts).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(errors).toEqual([]);
  });

  it("takes no attempt, and no room, for what a slow consumer was never sent", async () => {
    const { served, fail } = serveMortal();
    const [slow, good] = [
      await TestClient.at(served.path, { works: false }),
      await served.client(),
    ];
    atEnd(() => slow.close());
    const head = { session: "s", concurrency: 40, timeoutMs: 1000 };
    slow.link?.send({
      kind: BUS.consume,
      id: 1,
      to: 1,
      subject: "q",
      format: 0,
      head,
      body: EMPTY,
    });
    await slow.answer(1);
    for (let n = 0; n < 12; n++) await good.enqueue("q", Buffer.alloc(100 * 1024), { attempts: 1 });
    await until(() => slow.of(BUS.lease).length === 10, { what: "as many as its window takes" });
    await until(async () => (await good.queues.list())[0]?.leased !== 10, { what: "one more" });
    const got: number[] = [];
    await good.consume("other", () => {});
    await fail();
    // The consumers bring it back.
    await until(() => good.queues.list().catch((e) => void console.log(e.message)), {
      what: "it",
      timeoutMs: 10_000,
    });
    await good.consume("q", (_data, { attempt }) => void got.push(attempt));
    await until(() => got.length === 2, { what: "those that were not sent", timeoutMs: 15_000 });
    expect(got).toEqual([1, 1]);
  }, 30_000);

  it("is closed and opened again without waiting for anything", async () => {
    const { served, fail } = serveMortal();
    const one = await served.client();
    await one.enqueue("jobs", 1);
    await fail();
    await served.stop();
    served.start();
    expect(await (await served.client()).queues.list()).toMatchObject([{ ready: 1 }]);
  });
});

describe("a bus that is closed", () => {
  it("while messages are on their way out of the store: they are there as if they had never been", async () => {
    const served = serveQueues();
    const one = await served.client();
    for (let n = 0; n < 300; n++) void one.enqueue("jobs", n, { attempts: 1 }).catch(() => {});
    await one.flush();
    await until(async () => (await one.queues.list())[0]?.ready === 300, { what: "all" });
    const other = await TestClient.at(served.path);
    atEnd(() => other.close());
    const head = { session: "s", concurrency: 10_000 };
    const frame = { kind: BUS.consume, to: 1, subject: "jobs", format: 0, body: EMPTY };
    other.link?.send({ ...frame, id: 1, head });
    // At once: the next messages have been asked for, and have not come.
    await until(() => other.of(BUS.lease).length > 0, { what: "the first", intervalMs: 0 });
    await served.stop();
    const sent = other.of(BUS.lease).length;
    served.start();
    const [now] = await (await served.client()).queues.list();
    expect(sent).toBeLessThan(300);
    expect(now).toMatchObject({ ready: 300 - sent, leased: sent, dead: 0 });
  });
});

describe("a store that lies where another one was", () => {
  it("loses no message to the end of one of that other's, whatever their ids", async () => {
    const folder = queueFolder();
    const served = serveQueues({ folder });
    const one = await served.client();
    const gates = [deferred(), deferred()];
    const works: string[] = [];
    const late: unknown[] = [];
    one.on("error", (error) => late.push(error));
    const handler = async (_data: unknown, { id }: { readonly id: string }) => {
      await gates[works.push(id) - 1]?.promise;
    };
    await one.consume("jobs", handler, { concurrency: 2 });
    await one.enqueue("jobs", "old");
    await until(() => works.length === 1, { what: "the old one" });
    await served.stop();
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    served.start();
    await one.enqueue("jobs", "new");
    await until(() => works.length === 2, { what: "the new one" });
    expect(works[1]).toBe(works[0]);
    gates[0]?.resolve();
    await until(() => late.length === 1, { what: "the word that it is too late" });
    expect(await one.queues.list()).toMatchObject([{ leased: 1 }]);
    gates[1]?.resolve();
    await until(async () => (await one.queues.list()).length === 0, { what: "its end" });
  });
});

describe("what is too much for one answer", () => {
  it("is told all the same: more queues, and larger messages", async () => {
    const served = serveQueues();
    const one = await served.client();
    const names = Array.from({ length: 2100 }, (_each, n) => `${"q".repeat(200)}.${n}`);
    await Promise.all(names.map((name) => one.enqueue(name, null)));
    expect((await one.queues.list()).map(({ queue }) => queue)).toEqual(names.sort());
    const headers = { long: "h".repeat(16_000) };
    const body = Buffer.alloc(4096);
    const ids = [];
    for (let n = 0; n < 100; n++) ids.push((await one.enqueue("large", body, { headers })).id);
    const found = await one.queues.peek("large", { limit: 100 });
    expect(found.map(({ id }) => id)).toEqual(ids);
    expect(await one.queues.peek("large", { limit: 7 })).toHaveLength(7);
  }, 30_000);
});

describe("a disk that is full", () => {
  // skip: a small file system needs root and a mount namespace.
  it.skipIf(!canMount)(
    "forgets no end of a handler, and no message that becomes due",
    async () => {
      const folder = queueFolder();
      const disk = join(folder, "disk");
      mkdirSync(disk);
      const dist = join(projectRoot, "dist");
      const script = `mount -t tmpfs -o size=3m tmpfs "${disk}" && "${process.execPath}" "${FULL}" "${dist}" "${disk}" "${folder}"`;
      const end = spawnSync("unshare", ["-m", "sh", "-c", script], {
        ...{ encoding: "utf8", timeout: 40_000 },
      });
      expect(end.stderr).toBe("");
      const told = JSON.parse(end.stdout);
      expect(told.refused).toMatchObject({ code: "HF_BUS_QUEUE_FAILED" });
      expect(told.whileFull).toMatchObject({ leased: 1, delayed: 1, ready: 0, dead: 0 });
      expect(told.attempts).toEqual([
        ["at work", 1],
        ["later", 1],
      ]);
      expect(told.left).toEqual([]);
      // It is tried again each second, not when something else comes.
      expect(told.laterMs).toBeLessThan(3500);
      expect(told.refused.message).toContain("Nothing of it was done");
    },
    60_000,
  );
});

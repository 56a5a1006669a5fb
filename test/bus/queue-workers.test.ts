/** Durable queues of real supervisors with real workers: which are killed, replaced, and started again. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSupervisor } from "holdfast";
import { describe, expect, it } from "vitest";
import type { Bus } from "../../src/bus/api.ts";
import { connect } from "../../src/bus/connect.ts";
import { puppet, quiet } from "../supervisor/embedded.ts";
import { fixture, freePort, runHoldfast } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";
import { queueFolder } from "./queue-served.ts";
import { atEnd } from "./served.ts";

const BACK = { what: "the connection", timeoutMs: 30_000 };

interface Note {
  readonly what: string;
  readonly n: number;
  readonly attempt: number;
  readonly pid: number;
}

/** A file the workers write, and what is in it. */
function book() {
  const folder = mkdtempSync(join(tmpdir(), "hf-queue-book-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const LEDGER = join(folder, "ledger");
  writeFileSync(LEDGER, "");
  const notes = (wanted: string): Note[] =>
    readFileSync(LEDGER, "utf8")
      .split("\n")
      .map((line) => line.split(" "))
      .map(([what = "", ...numbers]) => [what, ...numbers.map(Number)] as const)
      .map(([what, n = 0, attempt = 0, pid = 0]) => ({ what, n, attempt, pid }))
      .filter(({ what }) => what === wanted);
  return { env: { LEDGER }, notes };
}

async function workers(instances: number, more: Record<string, string> = {}) {
  const ledger = book();
  const { env, port: _port, ...rest } = await puppet({ name: "queue", instances });
  const app = { ...rest, script: fixture("apps/queue.mjs"), minUptime: 0 };
  const supervisor = createSupervisor(
    { ...app, env: { ...env, ...ledger.env, ...more } },
    { output: quiet, queueFolder: queueFolder() },
  );
  atEnd(async () => {
    supervisor.kill();
    await supervisor.stop();
  });
  await supervisor.start();
  const client = await connect(String(supervisor.bus.path));
  atEnd(() => client.close({ timeout: 1 }));
  return { ...ledger, supervisor, client };
}

async function expectEmpty(client: Bus): Promise<void> {
  const isEmpty = async (): Promise<boolean> => (await client.queues.list()).length === 0;
  await until(isEmpty, { what: "empty queues", timeoutMs: 30_000 });
}

const sorted = (notes: readonly Note[]): number[] =>
  notes.map(({ n }) => n).sort((one, other) => one - other);

describe("workers", () => {
  it("that are killed lose no message: another one has it at once, as its second attempt", async () => {
    const { client, notes } = await workers(2);
    await client.enqueue("jobs", { n: 1, die: 1 });
    const done = await until(() => notes("done")[0], { what: "its end" });
    const [first, second] = notes("began");
    expect([first?.attempt, second?.attempt]).toEqual([1, 2]);
    expect(second?.pid).not.toBe(first?.pid);
    expect(done.pid).toBe(second?.pid);
    await expectEmpty(client);
  });

  it("outlive a message that kills them, and it becomes a dead letter", async () => {
    const { client, notes, supervisor } = await workers(2);
    await client.enqueue("jobs", { n: 0, die: 99 }, { attempts: 3 });
    for (let n = 1; n <= 20; n++) await client.enqueue("jobs", { n });
    const isOver = async () => (await client.queues.peek("jobs", { state: "dead" }))[0];
    const dead = await until(isOver, { what: "a dead letter", timeoutMs: 30_000 });
    expect(dead).toMatchObject({ attempt: 3, reason: "lost", holder: null });
    await until(() => notes("done").length === 20, { what: "all the others", timeoutMs: 30_000 });
    expect(sorted(notes("done"))).toEqual(Array.from({ length: 20 }, (_each, n) => n + 1));
    expect(notes("began").filter(({ n }) => n === 0)).toHaveLength(3);
    const { body } = await supervisor.metrics();
    expect(body).toContain('\nholdfast_queue_messages{queue="jobs",state="dead"} 1\n');
    expect(body).toContain('\nholdfast_queue_events_total{event="enqueued"} 21\n');
    expect(body).toContain('\nholdfast_queue_events_total{event="done"} 20\n');
    expect(body).toContain('\nholdfast_queue_events_total{event="retried"} 2\n');
    expect(body).toContain('\nholdfast_queue_events_total{event="dead"} 1\n');
    await client.queues.purge("jobs");
  });

  it("that are reloaded do each message once, and none is handed out twice", async () => {
    const { client, notes, supervisor } = await workers(2, { CONCURRENCY: "3" });
    let isOver = false;
    let n = 0;
    const enqueueing = (async () => {
      while (!isOver) {
        n += 1;
        await client.enqueue("jobs", { n, waitMs: 20 });
      }
    })();
    await supervisor.reload();
    await supervisor.reload();
    isOver = true;
    await enqueueing;
    await expectEmpty(client);
    expect(sorted(notes("done"))).toEqual(Array.from({ length: n }, (_each, at) => at + 1));
    expect(notes("began").filter(({ attempt }) => attempt > 1)).toEqual([]);
    expect(new Set(notes("done").map(({ pid }) => pid)).size).toBeGreaterThan(2);
  });

  it("have their messages again after all of them were stopped and started", async () => {
    const { client, notes, supervisor } = await workers(1);
    for (let n = 1; n <= 5; n++) await client.enqueue("jobs", { n }, { delay: n === 5 ? 0 : 400 });
    await until(() => notes("done").length === 1, { what: "the first" });
    await supervisor.stop();
    await supervisor.start();
    await until(() => notes("done").length === 5, { what: "all" });
    expect(sorted(notes("done"))).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("holdfast run", () => {
  it("keeps durable queues where --queue-folder says, and else says how to get them", async () => {
    const folder = join(queueFolder(), "deep/queues");
    const { env: ledger, notes } = book();
    const env = { ...ledger, PORT: String(await freePort()), FIRST: "7" };
    const command = ["run", fixture("apps/queue.mjs"), "-i", "1"];
    const run = runHoldfast([...command, "--queue-folder", folder], { env });
    atEnd(() => run.dispose());
    await until(() => notes("done").length === 1, { what: "the message", timeoutMs: 20_000 });
    expect(existsSync(join(folder, "queues.db"))).toBe(true);
    await run.stop();
    const without = runHoldfast(command, { env });
    atEnd(() => without.dispose());
    await without.waitForLine(/--queue-folder <path>/);
  });
});

describe("a supervisor that is killed", () => {
  it("has every message that was accepted when it is started again, and each is done", async () => {
    await using house = new House();
    const { env: ledger, notes } = book();
    const env = { ...ledger, PORT: String(await freePort()), CONCURRENCY: "4" };
    const app = { script: fixture("apps/queue.mjs"), name: "queue", instances: 2, env };
    await house.ok(["start", house.file("apps.json", { apps: [app] })]);
    const client = await connect(join(house.home, "run/bus.sock"));
    atEnd(() => client.close({ timeout: 1 }));
    const accepted: number[] = [];
    let n = 0;
    let isOver = false;
    const enqueuers = Array.from({ length: 10 }, async () => {
      while (!isOver) {
        n += 1;
        const own = n;
        const isAccepted = await client.enqueue("jobs", { n: own, waitMs: 10 }).then(
          () => true,
          () => false,
        );
        if (isAccepted) accepted.push(own);
        else await until(() => client.flush().then(() => true), BACK);
      }
    });
    for (let kills = 0; kills < 2; kills++) {
      const before = accepted.length;
      await until(() => accepted.length > before + 100, { what: "messages", timeoutMs: 30_000 });
      const { supervisor } = await house.overview();
      process.kill(supervisor.pid, "SIGKILL");
      await house.ok(["resurrect"]);
    }
    isOver = true;
    await Promise.all(enqueuers);
    await until(async () => (await client.queues.list()).length === 0, {
      ...{ what: "empty queues", timeoutMs: 60_000 },
    });
    const done = new Set(notes("done").map(({ n }) => n));
    expect(accepted.filter((each) => !done.has(each))).toEqual([]);
    // Those whose handlers were at work when all was killed come again, and no others.
    const twice = notes("done").length - done.size;
    expect(twice).toBeLessThanOrEqual(2 * 2 * 4);
  }, 120_000);
});

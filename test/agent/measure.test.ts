/** What a worker says of itself is true, comes once a second, and costs and keeps nothing. */

import net from "node:net";
import { describe, expect, it } from "vitest";
import { GC_BUCKETS, GC_KINDS, type WorkerStats } from "../../src/core/stats.ts";
import { cpuTicks } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { Alone } from "./alone.ts";
import { get } from "./served.ts";

const app = "apps/works.mjs";
const MS_PER_TICK = 10;

async function firstBeat(worker: Alone): Promise<WorkerStats> {
  return worker.beat("a beat", () => true);
}

describe("a beat", () => {
  it("comes once a second, without being asked", async () => {
    await using worker = await Alone.serving(app);
    await firstBeat(worker);
    const since = performance.now();
    const before = worker.told("beat").length;
    await until(() => worker.told("beat").length === before + 4, { what: "four beats" });
    const tookMs = performance.now() - since;
    expect(tookMs).toBeGreaterThan(2500);
    expect(tookMs).toBeLessThan(8000);
  });

  it("tells the time the event loop was busy, its delay and the CPU", async () => {
    await using worker = await Alone.serving(app);
    const before = await firstBeat(worker);
    const ticksBefore = cpuTicks(worker.child.pid as number);
    await get({ port: worker.port }, "/spin?ms=700");
    // On a machine that is busy, 700 ms of an event loop are less of a CPU.
    const spentMs = (cpuTicks(worker.child.pid as number) - ticksBefore) * MS_PER_TICK;
    const after = await worker.beat("700 ms of work", ({ active }) => active > before.active + 690);
    expect(after.delayMax).toBeGreaterThan(600);
    expect(after.delayP99).toBeLessThanOrEqual(after.delayMax);
    const spent = after.cpuUser + after.cpuSystem - before.cpuUser - before.cpuSystem;
    expect(spent).toBeGreaterThanOrEqual(spentMs - 2 * MS_PER_TICK);
    expect(after.cpuUser - before.cpuUser).toBeGreaterThan(spent / 2);
    expect(after.idle).toBeGreaterThanOrEqual(before.idle);
    // Of a window only: the next knows nothing of it.
    const quiet = await worker.beat("a quiet window", ({ delayMax }) => delayMax < 300);
    expect(quiet.active).toBeLessThan(after.active + 600);
    const ownTicks = cpuTicks(worker.child.pid as number);
    expect(quiet.cpuUser + quiet.cpuSystem).toBeLessThanOrEqual((ownTicks + 2) * MS_PER_TICK);
  });

  it("tells of memory and its collection", async () => {
    await using worker = await Alone.serving(app, {
      nodeArgs: ["--expose-gc", "--max-old-space-size=100"],
    });
    const before = await firstBeat(worker);
    const count = ({ gc }: WorkerStats): number =>
      (gc.major?.buckets ?? []).reduce((sum, n) => sum + n, 0);
    for (let n = 0; n < 3; n++) await get({ port: worker.port }, "/collect");
    const after = await worker.beat("3 collections", (now) => count(now) >= count(before) + 3);
    expect(after.gc.major?.sum).toBeGreaterThan(0);
    expect(after.gc.major?.buckets).toHaveLength(GC_BUCKETS.length + 1);
    for (const kind of Object.keys(after.gc)) expect(GC_KINDS).toContain(kind);
    expect(after.heapUsed).toBeGreaterThan(1e6);
    expect(after.heapUsed).toBeLessThan(after.heapLimit);
    // 100 MB of old space, and what V8 adds for the young (192 MB since Node 24).
    expect(after.heapLimit / 2 ** 20).toBeGreaterThan(99);
    expect(after.heapLimit / 2 ** 20).toBeLessThan(320);
    expect(after.external).toBeGreaterThan(0);
  });

  it("tells of open connections", async () => {
    await using worker = await Alone.serving(app);
    const sockets = Array.from({ length: 3 }, () => net.connect(worker.port, "127.0.0.1"));
    await worker.beat("three connections", ({ connections }) => connections === 3);
    for (const socket of sockets) socket.destroy();
    await worker.beat("none", ({ connections }) => connections === 0);
  });

  it("without metrics tells only what watching and replacing need", async () => {
    const metrics = { collect: false, merge: false, maxSeries: 0 };
    await using worker = await Alone.serving(app, { settings: { metrics } });
    await get({ port: worker.port }, "/spin?ms=300");
    const stats = await worker.beat("one request", ({ handled }) => handled === 1);
    expect(stats).toMatchObject({ requests: {}, gc: {}, delayMax: 0 });
    expect(stats.active).toBeGreaterThan(290);
  });
});

describe("the last beat", () => {
  it.each([
    ["exit", 4],
    ["throw", 1],
  ])("is told by an app that ends by itself: %s", async (at, status) => {
    await using worker = await Alone.serving(app, { env: { AT: at } });
    expect(await worker.exited).toEqual([status, null]);
    expect(worker.stats?.active).toBeGreaterThan(0);
  });

  it("comes before the end of a drain", async () => {
    await using worker = await Alone.serving(app);
    await firstBeat(worker);
    await get({ port: worker.port });
    worker.send({ t: "drain", timeoutMs: 5000 });
    await worker.exited;
    expect(worker.stats?.handled).toBe(1);
  });
});

describe("what it costs", () => {
  it("an idle worker with everything on: less than 1 % of a CPU", async () => {
    const metrics = { collect: true, merge: true, maxSeries: 2000 };
    const settings = { hangTimeoutMs: 10_000, metrics };
    await using worker = await Alone.serving(app, { settings });
    const pid = worker.child.pid as number;
    const beats = worker.told("beat").length;
    // What starting costs is over by then.
    await until(() => worker.told("beat").length >= beats + 8, { what: "it to be idle" });
    const [since, before] = [performance.now(), cpuTicks(pid)];
    await until(() => worker.told("beat").length >= beats + 18, {
      what: "10 s",
      timeoutMs: 20_000,
    });
    const share = ((cpuTicks(pid) - before) * MS_PER_TICK) / (performance.now() - since);
    // 0.25 to 0.4 % on a quiet machine; ticks of 10 ms are coarse.
    expect(share).toBeLessThan(0.01);
  });

  it("no memory while the supervisor does not read: one beat waits, not all", async () => {
    await using worker = await Alone.serving(app, { settings: { hangTimeoutMs: 1000 } });
    await firstBeat(worker);
    const handle = handleOf(worker);
    handle.readStop();
    // More than the channel's buffer takes: what comes behind it waits in the worker.
    await get({ port: worker.port }, "/fill");
    const since = performance.now();
    await until(() => performance.now() > since + 3000, { what: "twelve beats to be due" });
    const before = worker.told("beat").length;
    handle.readStart();
    await until(() => worker.told("beat").length > before, { what: "a beat" });
    expect(worker.told("beat").length - before).toBeLessThan(4);
    await worker.beat("it goes on", ({ handled }) => handled === 1);
  });
});

function handleOf({ child }: Alone): { readStop(): void; readStart(): void } {
  const symbol = Object.getOwnPropertySymbols(child).find(
    (key) => key.description === "kChannelHandle",
  );
  return (child as unknown as Record<symbol, { readStop(): void; readStart(): void }>)[
    symbol as symbol
  ] as { readStop(): void; readStart(): void };
}

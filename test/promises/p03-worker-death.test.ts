/**
 * P3: the death of a worker costs only the requests in flight inside it. Its share of new connections
 * is served by the others within milliseconds, while its replacement boots. A stopped or busy worker
 * costs no new connection a wait either.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { freePort, projectRoot } from "../support/holdfast.ts";
import { expectClean, percentile } from "../support/ledger.ts";
import { startFreshLoad, startKeepAliveLoad } from "../support/load.ts";
import { after } from "../support/output.ts";
import { connectionsOf, descendants, leftovers } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { stage, stop, workers } from "./stage.ts";

/** The replacement's boot: had a connection waited for it, its latency would say so. */
const BOOT_MS = 2000;

describe("P3: the death of a worker", () => {
  it("costs only what was in flight in it, and nobody waits for the replacement's boot", async () => {
    const { run, port } = await stage("puppet.mjs", {
      instances: 3,
      env: { PUPPET_BOOT_MS: String(BOOT_MS) },
    });
    const fresh = startFreshLoad({ port, clients: 8, timeoutMs: 5000 });
    const kept = startKeepAliveLoad({ port, clients: 12, thinkMs: 20, timeoutMs: 5000 });
    for (let kills = 1; kills <= 3; kills++) {
      await until(() => workers(run).size === 3 && everySlotAlive(run.pid, workers(run)), {
        what: "all workers ready",
        timeoutMs: 10_000,
      });
      const settled = fresh.ledger.settled;
      process.kill(workers(run).get(kills - 1) ?? -1, "SIGKILL");
      await run.waitForLog(() => run.logs.filter((log) => log.reason === "signal").length >= kills);
      // Served on while the replacement boots.
      await until(() => fresh.ledger.settled > settled + 200, {
        what: "200 more requests",
        timeoutMs: BOOT_MS,
      });
    }
    const summary = await fresh.stop();
    // At most every client's one request could have been inside each of the three.
    expectClean(summary, { minOk: 500, allow: { reset: 24, truncated: 24 } });
    expectClean(await kept.stop(), { minOk: 100, allow: { reset: 36, truncated: 36 } });
    expect(summary.failures.length).toBeLessThanOrEqual(24);
    expect(Math.max(...summary.latencies)).toBeLessThan(BOOT_MS * 0.75);
    await stop(run);
  }, 60_000);

  it("stopped by SIGSTOP or busy in a loop: new connections go to the others, and it comes back", async () => {
    const { run, port } = await stage("puppet.mjs", { instances: 3 });
    const victim = workers(run).get(0) ?? -1;
    for (const how of ["stop", "block"] as const) {
      if (how === "stop") process.kill(victim, "SIGSTOP");
      else await blockSlot(port, 0);
      const load = startFreshLoad({
        port,
        clients: 8,
        timeoutMs: 2000,
        name: `fresh while one is in ${how}`,
      });
      await until(() => load.ledger.settled >= 500, { what: "500 requests", timeoutMs: 8000 });
      const summary = await load.stop();
      // A connection the victim had accepted a moment before is inside it.
      expectClean(summary, { minOk: 490, allow: { timeout: 1 } });
      expect(percentile(summary, 0.99)).toBeLessThan(500);
      if (how === "stop") process.kill(victim, "SIGCONT");
    }
    await until(async () => (await pidOf(port)) === victim, {
      what: "the worker takes part again",
      timeoutMs: 15_000,
    });
    await stop(run);
  }, 60_000);

  it("all at once: newcomers wait in the kernel's queue and are served, none is refused", async () => {
    const { run, port } = await stage("puppet.mjs", {
      instances: 2,
      env: { PUPPET_BOOT_MS: "500" },
    });
    for (const pid of workers(run).values()) process.kill(pid, "SIGKILL");
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect(answer.status).toBe(200);
    await stop(run);
  }, 30_000);
});

describe("P3: long-lived connections", () => {
  it("spread over the workers: 400 over 8 within 10 %, 16 within 2 of even", async () => {
    const { run, port } = await stage("puppet.mjs", { instances: 8 });
    const pids = [...workers(run).values()];
    for (const [count, tolerance] of [
      [16, 2],
      [400, 5],
    ] as const) {
      const open = (): number[] => [...connectionsOf(pids, port).values()];
      const sum = (): number => open().reduce((total, each) => total + each, 0);
      const sockets = await openMany(port, count);
      // All have arrived, none is on its way between two workers any more.
      await until(() => sum() === count, { what: `${count} connections with the workers` });
      for (const each of open())
        expect(Math.abs(each - count / 8), String(open())).toBeLessThanOrEqual(tolerance);
      for (const socket of sockets) socket.destroy();
      await until(() => sum() === 0, { what: "all connections closed" });
    }
    await stop(run);
  }, 60_000);

  it("near the limit of open files a worker leaves accept, and no connection is destroyed", async () => {
    const port = await freePort();
    const marker = `emfile-${process.pid}-${port}`;
    const app = `${projectRoot}/test/fixtures/puppet.mjs`;
    const cli = `${projectRoot}/dist/bin/holdfast.cjs`;
    // The supervisor, too, lives within the limit.
    const script = `ulimit -n 120; exec "${process.execPath}" "${cli}" run "${app}" -i 2 --name app`;
    const child = spawn("bash", ["-c", script], {
      env: { ...process.env, PORT: String(port), HOLDFAST_TEST_ID: marker },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await saying(child, "ready;");
    const sockets = await openMany(port, 260);
    let destroyed = 0;
    for (const socket of sockets) socket.on("close", () => (destroyed += 1));
    // More than both can hold: the rest waits in the queue instead of being accepted and closed.
    const late = startFreshLoad({ port, clients: 20, timeoutMs: 20_000, name: "late comers" });
    await until(() => late.ledger.pending === 20, { what: "late comers to wait" });
    expect(destroyed).toBe(0);
    for (const socket of sockets.splice(0, 200)) socket.destroy();
    await until(() => late.ledger.ok >= 100, {
      what: "late comers to be served",
      timeoutMs: 10_000,
    });
    expectClean(await late.stop(), { minOk: 100 });
    for (const socket of sockets) socket.destroy();
    child.kill("SIGTERM");
    await once(child, "exit");
    await until(() => leftovers(marker).length === 0, { what: "nothing left" });
  }, 60_000);
});

function everySlotAlive(supervisor: number, pids: Map<number, number>): boolean {
  const alive = new Set(descendants(supervisor).map(({ pid }) => pid));
  return [...pids.values()].every((pid) => alive.has(pid));
}

async function pidOf(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
  return ((await response.json()) as { pid: number }).pid;
}

/** Asks until slot's worker has begun a long computation: then it no longer answers. */
async function blockSlot(port: number, slot: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/block?ms=4000&slot=${slot}`;
  for (;;) {
    const answer = fetch(url, { headers: { connection: "close" } }).catch(() => null);
    const quick = await Promise.race([answer, after(300)]);
    if (quick === undefined) return;
  }
}

/** Opens connections twenty at a time, as clients that return after an outage do. */
async function openMany(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(20, count - sockets.length) }, () =>
      connect(port, "127.0.0.1"),
    );
    for (const socket of some) socket.on("error", () => {});
    await Promise.all(some.map((socket) => once(socket, "connect")));
    sockets.push(...some);
  }
  return sockets;
}

async function saying(child: ChildProcess, text: string): Promise<void> {
  let said = "";
  for await (const chunk of child.stdout ?? []) {
    said += String(chunk);
    if (said.includes(text)) break;
  }
  child.stdout?.resume();
}

/**
 * P6: a worker whose event loop hangs is found and replaced, the replacement first. What only looks
 * like it is told apart: a stopped process, a debugger, a supervisor that was not there.
 */

import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { HoldfastRun, LogRecord } from "../support/holdfast.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad } from "../support/load.ts";
import { until } from "../support/until.ts";
import { stage, stop, workers } from "./stage.ts";

const HANG_MS = 1000;
const FLAGS = ["--hang-timeout", `${HANG_MS}ms`];

const hangs = (run: HoldfastRun): readonly LogRecord[] =>
  run.logs.filter((log) => log.silentMs !== undefined);
const exits = (run: HoldfastRun): readonly LogRecord[] =>
  run.logs.filter((log) => log.reason !== undefined);

/** The stage with workers that can hang, and a load that never stops asking. */
async function setting(flags: readonly string[] = [], instances = 2, env = {}) {
  const { run, port } = await stage("apps/unwell.mjs", {
    ...{ instances, env, flags: [...FLAGS, ...flags] },
  });
  const load = startFreshLoad({ port, clients: 4, thinkMs: 10, timeoutMs: 30_000 });
  return { run, port, load };
}

/** Has the worker of the slot hang; a client that asks for it is stuck inside until the end. */
async function hang(port: number, slot: number, how: string): Promise<void> {
  const url = `http://127.0.0.1:${port}/hang?how=${how}&slot=${slot}`;
  await until(
    async () => {
      const answer = fetch(url, { headers: { connection: "close" } }).then(
        () => true,
        () => true,
      );
      return !(await Promise.race([
        answer,
        once(AbortSignal.timeout(300), "abort").then(() => false),
      ]));
    },
    { what: `slot ${slot} to hang`, timeoutMs: 20_000 },
  );
}

function place(run: HoldfastRun, matches: (log: LogRecord) => boolean): number {
  const found = run.logs.findIndex(matches);
  expect(found).toBeGreaterThanOrEqual(0);
  return found;
}

describe("P6: an event loop that stands still", () => {
  it.each([
    ["loop", /spin|hang/],
    ["regex", /hang|test/],
    ["execSync", /execSync|hang|system call/],
    ["atomics", /hang|system call/],
    // Between two of them the loop is Node's own.
    ["microtask", /next|again|Microtasks|processTicks/],
    ["nextTick", /next|again|processTicks/],
  ])(
    "in %s: the stack is shown, the successor is ready before the kill, the others serve",
    async (how, frames) => {
      const { run, port, load } = await setting();
      const victim = workers(run).get(0);
      await hang(port, 0, how);
      const told = await run.waitForLog((log) => log.silentMs !== undefined);
      expect(told).toMatchObject({ kind: "hung", slot: 0, pid: victim, replaced: true });
      expect(Number(told.silentMs)).toBeGreaterThanOrEqual(HANG_MS);
      expect(Number(told.silentMs)).toBeLessThan(HANG_MS + 4000);
      const exit = await run.waitForLog((log) => log.reason !== undefined);
      expect(exit).toMatchObject({
        reason: "unresponsive",
        signal: "SIGKILL",
        pid: victim,
        slot: 0,
      });
      expect(told.stack).toMatch(frames);
      expect(exit.msg).toMatch(/did not respond for \d+(\.\d)? s: its event loop stood still in /);
      // Ready first, then the kill.
      const successor = (log: LogRecord): boolean =>
        log.msg === "worker ready" && log.slot === 0 && log.pid !== victim;
      expect(place(run, successor)).toBeLessThan(run.logs.indexOf(exit));
      const settled = load.ledger.settled;
      await until(() => load.ledger.settled > settled + 100, { what: "100 more requests" });
      // Connections that were inside the worker that hung: at most one of each client.
      expectClean(await load.stop(), { minOk: 100, allow: { reset: 4, truncated: 4 } });
      expect(exits(run)).toHaveLength(1);
      await stop(run);
    },
    60_000,
  );

  it("with a supervisor that is not there while its stack is asked for: it is shown all the same", async () => {
    const { run, port, load } = await setting();
    await hang(port, 0, "loop");
    await run.waitForLine(/Debugger listening on /);
    process.kill(run.pid, "SIGSTOP");
    const since = performance.now();
    await until(() => performance.now() - since > 2.5 * HANG_MS, { what: "a gap" });
    process.kill(run.pid, "SIGCONT");
    const told = await run.waitForLog((log) => log.silentMs !== undefined);
    expect(told).toMatchObject({ kind: "hung", slot: 0, replaced: true });
    expect(told.stack).toMatch(/spin|hang/);
    await run.waitForLog((log) => log.reason === "unresponsive");
    expectClean(await load.stop(), { minOk: 50, allow: { reset: 4, truncated: 4 } });
    await stop(run);
  }, 60_000);

  it("alone: requests wait, and the successor answers them", async () => {
    const { run, port, load } = await setting([], 1);
    await hang(port, 0, "loop");
    await run.waitForLog((log) => log.reason === "unresponsive");
    const settled = load.ledger.settled;
    await until(() => load.ledger.settled > settled + 50, { what: "50 more requests" });
    expectClean(await load.stop(), { minOk: 50, allow: { reset: 4, truncated: 4 } });
    await stop(run);
  }, 60_000);

  it("nearly: the debugger that was opened to look is closed again, and opened anew next time", async () => {
    // Its last beat is up to a second older than the hang, and it is looked at once a second: certainly after the
    // 9 s of silence that make it suspect, and with time to open it; before the 12 that judge it.
    const flags = ["--hang-timeout", "12s"];
    const { run, port } = await stage("apps/unwell.mjs", { instances: 1, flags });
    const debuggerOf = async (path: string): Promise<string | null> => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return ((await answer.json()) as { debugger: string | null }).debugger;
    };
    for (const _ of ["once", "again"]) {
      expect(await debuggerOf("/hang?how=loop&ms=10800")).toMatch(/^ws:\/\/127\.0\.0\.1:/);
      await until(async () => (await debuggerOf("/")) === null, { what: "it to be closed" });
    }
    expect(hangs(run)).toEqual([]);
    await stop(run);
  }, 60_000);

  it("for a while only: what is shorter than the timeout is nothing", async () => {
    const { run, port, load } = await setting();
    const since = performance.now();
    await until(
      async () => {
        const url = `http://127.0.0.1:${port}/hang?how=loop&ms=${HANG_MS * 0.6}`;
        await fetch(url, { headers: { connection: "close" } });
        return performance.now() - since > 6000;
      },
      { what: "ten short hangs", timeoutMs: 20_000 },
    );
    expectClean(await load.stop(), { minOk: 50 });
    expect(hangs(run)).toEqual([]);
    expect(exits(run)).toEqual([]);
    await stop(run);
  }, 60_000);
});

describe("P6: told apart", () => {
  it("stopped by SIGSTOP: named as such, and replaced likewise", async () => {
    const { run, load } = await setting();
    const victim = workers(run).get(1) ?? -1;
    process.kill(victim, "SIGSTOP");
    const told = await run.waitForLog((log) => log.silentMs !== undefined);
    expect(told).toMatchObject({ kind: "stopped", slot: 1, pid: victim, replaced: true });
    const exit = await run.waitForLog((log) => log.reason !== undefined);
    expect(exit).toMatchObject({ reason: "stopped", pid: victim });
    expect(exit.msg).toMatch(/was stopped \(SIGSTOP\) for \d/);
    expectClean(await load.stop(), { minOk: 50, allow: { reset: 4, truncated: 4 } });
    await stop(run);
  }, 60_000);

  it("stopped and continued meanwhile: it serves again, and drains when its successor has settled", async () => {
    // Its successor takes its time.
    const { run, load } = await setting([], 2, { BOOT_MS: "1500" });
    const victim = workers(run).get(1) ?? -1;
    process.kill(victim, "SIGSTOP");
    await run.waitForLog((log) => log.silentMs !== undefined);
    process.kill(victim, "SIGCONT");
    const recovered = await run.waitForLog((log) => log.msg === "worker recovered");
    expect(recovered).toMatchObject({ slot: 1, pid: victim, from: "stopped" });
    const exit = await run.waitForLog((log) => log.pid === victim && log.reason !== undefined);
    expect(exit).toMatchObject({ slot: 1, reason: "unresponsive", signal: null, code: 0 });
    expect(workers(run).get(1)).not.toBe(victim);
    // It could drain, so not even what was inside it was lost.
    expectClean(await load.stop(), { minOk: 50 });
    expect(exits(run)).toHaveLength(1);
    await stop(run);
  }, 60_000);

  it("the supervisor stopped, for longer than the timeout and again and again: nobody is killed", async () => {
    const { run, load } = await setting();
    for (let round = 0; round < 3; round += 1) {
      process.kill(run.pid, "SIGSTOP");
      const since = performance.now();
      const settled = load.ledger.settled;
      await until(
        () => performance.now() - since > 3 * HANG_MS && load.ledger.settled > settled + 100,
        { what: "requests while it is stopped" },
      );
      process.kill(run.pid, "SIGCONT");
    }
    const settled = load.ledger.settled;
    const since = performance.now();
    await until(
      () => performance.now() - since > 5 * HANG_MS && load.ledger.settled > settled + 100,
      { what: "requests after it goes on" },
    );
    expectClean(await load.stop(), { minOk: 200 });
    expect(hangs(run)).toEqual([]);
    expect(exits(run)).toEqual([]);
    await stop(run);
  }, 60_000);

  it("a debugger at a breakpoint: told once, left alone, and told when it goes on", async () => {
    const { run, load } = await setting(["--node-args", "--inspect=127.0.0.1:0"], 1);
    const [, url = ""] = await run.waitForLine(/Debugger listening on (ws:\S+)/);
    const inspector = new WebSocket(url);
    await once(inspector, "open");
    const send = (id: number, method: string): void =>
      inspector.send(JSON.stringify({ id, method }));
    const paused = new Promise<void>((resolve) =>
      inspector.on("message", (data) => String(data).includes("Debugger.paused") && resolve()),
    );
    send(1, "Debugger.enable");
    send(2, "Debugger.pause");
    await paused;
    const told = await run.waitForLog((log) => log.silentMs !== undefined);
    expect(told).toMatchObject({ kind: "debugger", replaced: false, slot: 0 });
    const since = performance.now();
    await until(() => performance.now() - since > 6 * HANG_MS, { what: "a long look at it" });
    expect(hangs(run)).toHaveLength(1);
    expect(exits(run)).toEqual([]);
    send(3, "Debugger.resume");
    await run.waitForLog((log) => log.msg === "worker recovered" && log.from === "debugger");
    inspector.close();
    // All of them waited for the breakpoint, and none was lost.
    expectClean(await load.stop(), { minOk: 4 });
    expect(exits(run)).toEqual([]);
    await stop(run);
  }, 60_000);
});

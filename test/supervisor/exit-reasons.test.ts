/** Every way to die has a reason of its own in the log, and a successor. */

import { describe, expect, it } from "vitest";
import { get } from "../agent/served.ts";
import { reload, stage, stop, workers } from "../promises/stage.ts";
import type { HoldfastRun, LogRecord } from "../support/holdfast.ts";
import { after } from "../support/output.ts";
import { expectNoLeftovers } from "../support/processes.ts";
import { until } from "../support/until.ts";

interface Death {
  readonly name: string;
  readonly how: Cause;
  readonly expected: { reason: string; code: number | null; signal: string | null };
  readonly says: RegExp;
}
type Cause = { readonly path: string } | { readonly signal: NodeJS.Signals };

const DEATHS: readonly Death[] = [
  {
    name: "exit code 0",
    how: { path: "/exit?code=0" },
    expected: { reason: "clean", code: 0, signal: null },
    says: /exited with code 0/,
  },
  {
    name: "exit code 1",
    how: { path: "/exit?code=1" },
    expected: { reason: "error", code: 1, signal: null },
    says: /exited with code 1/,
  },
  {
    name: "an exception",
    how: { path: "/throw" },
    expected: { reason: "uncaught", code: 1, signal: null },
    says: /uncaught Error: puppet: told to throw/,
  },
  {
    name: "a rejection",
    how: { path: "/reject" },
    expected: { reason: "uncaught", code: 1, signal: null },
    says: /uncaught Error: puppet: told to reject/,
  },
  {
    name: "process.abort()",
    how: { path: "/abort" },
    expected: { reason: "crash", code: null, signal: "SIGABRT" },
    says: /crashed with SIGABRT/,
  },
  {
    name: "a segmentation fault",
    how: { path: "/segv" },
    expected: { reason: "crash", code: null, signal: "SIGSEGV" },
    says: /crashed with SIGSEGV/,
  },
  {
    name: "SIGTERM from outside",
    how: { signal: "SIGTERM" },
    expected: { reason: "signal", code: null, signal: "SIGTERM" },
    says: /ended by SIGTERM/,
  },
  {
    name: "SIGKILL from outside",
    how: { signal: "SIGKILL" },
    expected: { reason: "signal", code: null, signal: "SIGKILL" },
    says: /ended by SIGKILL/,
  },
  {
    name: "a full heap",
    how: { path: "/oom" },
    expected: { reason: "oom", code: null, signal: "SIGABRT" },
    says: /ran out of memory/,
  },
];

describe("the reason of an exit", () => {
  it("tells the ways to die apart, and each worker has a successor", async () => {
    const heap = ["--node-args", "--max-old-space-size=40"];
    const flags = [...heap, "--max-restarts", "50", "--backoff-base", "10ms"];
    const { run, port } = await stage("puppet.mjs", { instances: 1, flags });
    for (const { name, how, expected, says } of DEATHS) {
      const pid = workers(run).get(0) ?? -1;
      if ("signal" in how) process.kill(pid, how.signal);
      else await get({ port }, how.path).catch(() => "it died before it answered");
      const exit = await exitOf(run, pid);
      expect(exit, name).toMatchObject(expected);
      expect(exit.msg, name).toMatch(says);
      expect(await answeringPid(port), name).not.toBe(pid);
      // Only a worker that had settled is replaced at once.
      await until(() => workers(run).get(0) !== pid, { what: "a ready successor" });
    }
    expect(run.logs.filter((log) => log.reason !== undefined)).toHaveLength(DEATHS.length);
    await stop(run);
  });

  it("ends no slot: a worker that always dies at once is always started again", async () => {
    const backoff = ["--backoff-base", "5ms", "--backoff-cap", "5ms", "--max-restarts", "1000"];
    const flags = [...backoff, "--ready", "message"];
    const { run } = await stage("apps/dies.mjs", { flags, env: { HOW: "exit" }, ready: false });
    // Timers may fire a fraction of a millisecond early; each restart is a chance to get lost on it.
    const restarts = () => run.logs.filter((log) => log.msg.startsWith("restarting in"));
    await run.waitForLog(() => restarts().length >= 40, { timeoutMs: 30_000 });
    // One that the stop finds alive may get to its own end, which is 3.
    const { code } = await run.stop({ timeoutMs: 30_000 });
    expect([0, 3]).toContain(code);
    await expectNoLeftovers(run.id);
  });

  it("is 'stopped' where a stopped worker (SIGSTOP) is killed at the end of its drain", async () => {
    const { run, port } = await stage("puppet.mjs", { flags: ["--drain-timeout", "1s"] });
    const [pid = -1, other = -1] = workers(run).values();
    process.kill(pid, "SIGSTOP");
    expect(await reload(run, 1)).toBe("done");
    expect(await exitOf(run, pid)).toMatchObject({ reason: "stopped", signal: "SIGKILL" });
    expect((await exitOf(run, pid)).msg).toMatch(/was stopped \(SIGSTOP\)/);
    expect(await exitOf(run, other)).toMatchObject({ reason: "reload", code: 0 });
    expect(await answeringPid(port)).toBeGreaterThan(0);

    const [late = -1] = workers(run).values();
    process.kill(late, "SIGSTOP");
    // The status of a stop is that of its worst worker: 128 + 9.
    await stop(run, 137);
    expect(await exitOf(run, late)).toMatchObject({ reason: "stopped", signal: "SIGKILL" });
  });

  it("is 'drain_timeout' where a running worker is killed at the end of its drain", async () => {
    const { run, port } = await stage("puppet.mjs", {
      ...{ instances: 1, flags: ["--drain-timeout", "500ms"] },
    });
    const pid = workers(run).get(0) ?? -1;
    const blocked = get({ port }, "/block?ms=20000").catch((error: Error) => error.message);
    const answered = () =>
      get({ port }).then(
        () => true,
        () => false,
      );
    await until(async () => !(await Promise.race([answered(), after(200)])), {
      what: "the worker to block",
    });
    await stop(run, 137);
    expect(await exitOf(run, pid)).toMatchObject({ reason: "drain_timeout", signal: "SIGKILL" });
    expect(await blocked).toMatch(/hang up|ECONNRESET/);
  });
});

/** The record of the worker's end. */
function exitOf(run: HoldfastRun, pid: number): Promise<LogRecord> {
  return run.waitForLog((log) => log.pid === pid && log.reason !== undefined);
}

/** Who answers now; connections made while nobody is ready wait in the socket. */
async function answeringPid(port: number): Promise<number> {
  const { pid } = JSON.parse((await get({ port })).body) as { pid: number };
  return pid;
}

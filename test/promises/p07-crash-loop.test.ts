/**
 * P7: a crash loop cannot hurt: exponential backoff with jitter and a restart budget over a rolling
 * window, for ever, not only at first start; other slots run on; a taken port is one clear error.
 */

import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, runCommand } from "../support/holdfast.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad } from "../support/load.ts";
import { cpuTicks } from "../support/processes.ts";
import { reload, stage, stop, workers } from "./stage.ts";

/** Clock ticks per second of /proc/PID/stat (sysconf(_SC_CLK_TCK) is 100 on Linux). */
const TICKS_PER_SECOND = 100;

describe("P7: a crash loop", () => {
  it("backs off, spends its budget, fails, is tried half-open, and recovers; the other slots serve", async () => {
    const cure = join(fixture(""), `../../node_modules/.holdfast-cure-${process.pid}`);
    const { run, port } = await stage("crash-slot.mjs", {
      ready: false,
      env: { CRASH_UNTIL: cure },
      // However slowly this machine boots it, a slot that dies at boot has never been ready.
      flags: ["--ready", "message", "--max-restarts", "4", "--restart-window", "6s"],
    });
    await run.waitForLog((log) => log.msg === "worker ready" && log.slot === 0);
    const load = startFreshLoad({ port, clients: 2, thinkMs: 20 });
    const failed = await run.waitForLog((log) => String(log.msg).startsWith("the slot failed"));
    const delays = run.logs
      .filter((log) => /^restarting in/.test(log.msg))
      .map((log) => Number(log.retryInMs));
    // Each delay is of the upper half of 100, 200, 400, 800 ms.
    expect(delays).toHaveLength(4);
    delays.forEach((delay, n) => {
      expect(delay).toBeGreaterThanOrEqual(100 * 2 ** n * 0.5 - 10);
      expect(delay).toBeLessThanOrEqual(100 * 2 ** n);
    });
    expect(failed.retryInMs).toBeGreaterThan(5800);
    const exit = run.logs.find((log) => log.slot === 1 && log.reason === "error");
    expect(exit?.msg).toMatch(/exited with code 3 before it was ready/);
    expect(exit?.lastOutput).toEqual(["crash-slot: slot 1 dies at boot"]);
    // Half-open: one try per window, then failed again.
    await run.waitForLog(
      () => run.logs.filter((log) => String(log.msg).startsWith("the slot failed")).length === 2,
    );
    writeFileSync(cure, "");
    await run.waitForLog((log) => log.msg === "the slot has recovered");
    expectClean(await load.stop(), { minOk: 100 });
    await stop(run);
  }, 60_000);

  it("of all slots costs no CPU, and a reload with mended code ends it at once", async () => {
    const { run, port, direct } = await stage("puppet.mjs", {
      flags: ["--max-restarts", "3", "--restart-window", "30s"],
    });
    direct({ PUPPET_FAIL: "throw" });
    for (const pid of workers(run).values()) process.kill(pid, "SIGKILL");
    await run.waitForLog(
      () => run.logs.filter((log) => String(log.msg).startsWith("the slot failed")).length === 2,
      { timeoutMs: 20_000 },
    );
    const before = cpuTicks(run.pid);
    const since = performance.now();
    direct({ PUPPET_VERSION: "mended" });
    // Time passes while the slots rest; what ends the wait is the supervisor's silence being over.
    await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) }).catch(
      () => null,
    );
    const seconds = (performance.now() - since) / 1000;
    expect(cpuTicks(run.pid) - before).toBeLessThanOrEqual(
      Math.ceil(seconds * TICKS_PER_SECOND * 0.05),
    );
    expect(await reload(run, 1)).toBe("done");
    const answer = (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as { version: string };
    expect(answer.version).toBe("mended");
    await stop(run);
  }, 60_000);

  it("counts for ever: a worker that dies again and again after healthy lives is stopped by its budget", async () => {
    const { run } = await stage("puppet.mjs", {
      instances: 1,
      flags: ["--max-restarts", "3", "--restart-window", "60s", "--min-uptime", "50ms"],
      env: { PUPPET_FAIL: "listen-then-die", PUPPET_DIE_MS: "200" },
    });
    await run.waitForLog((log) => String(log.msg).startsWith("the slot failed"), {
      timeoutMs: 20_000,
    });
    // Healthy lives: no backoff, but the budget counts.
    const delays = run.logs
      .filter((log) => /^restarting in/.test(log.msg))
      .map((log) => Number(log.retryInMs));
    expect(delays).toEqual([0, 0, 0]);
    await stop(run);
  }, 40_000);

  it("is not begun for a port that is taken: one error names the address and the process, exit code 1", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const args = ["run", fixture("puppet.mjs"), "-i", "2"];
    const { code, stderr, stdout } = await runCommand(args, { env: { PORT: String(port) } });
    server.close();
    expect(code).toBe(1);
    expect(stderr).toContain(
      `error: The address 127.0.0.1:${port} is in use by process ${process.pid}`,
    );
    expect(stderr.match(/HF_PORT_IN_USE/g)).toHaveLength(1);
    // The workers' own last words, as under plain Node, are no loop.
    expect(stderr.match(/Error: bind EADDRINUSE/g)?.length).toBeLessThanOrEqual(2);
    expect(stdout).not.toContain("restarting");
  }, 20_000);
});

/**
 * P12: nothing outlives `stop`: no orphan process (grandchildren too), no stale socket or port. A
 * second signal hurries, a third kills; the exit status is the app's own.
 */

import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, runHoldfast } from "../support/holdfast.ts";
import { startSlowLoad } from "../support/load.ts";
import { connectionsOf, expectNoLeftovers, isAlive, listenersOn } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { reload, stage, stop, workers } from "./stage.ts";

describe("P12: nothing outlives stop", () => {
  it("neither workers nor grandchildren, detached ones included, nor the port", async () => {
    const { run, port } = await stage("puppet.mjs");
    const child = await pidFrom(port, "/spawn");
    const detached = await pidFrom(port, "/spawn-detached");
    expect([isAlive(child), isAlive(detached)]).toEqual([true, true]);
    await stop(run);
    expect([isAlive(child), isAlive(detached)]).toEqual([false, false]);
    expect(listenersOn(port)).toEqual([]);
  }, 30_000);

  it("nor the children of a worker that a reload replaced or that was killed", async () => {
    const { run, port } = await stage("puppet.mjs", { instances: 1 });
    const ofReloaded = await pidFrom(port, "/spawn");
    expect(await reload(run, 1)).toBe("done");
    await until(() => !isAlive(ofReloaded), { what: "the child of the reloaded worker to end" });
    const ofKilled = await pidFrom(port, "/spawn");
    process.kill(workers(run).get(0) ?? -1, "SIGKILL");
    await until(() => !isAlive(ofKilled), { what: "the child of the killed worker to end" });
    await stop(run);
  }, 30_000);

  it("nor a UNIX socket file", async () => {
    const run = runHoldfast(["run", fixture("unix-socket.mjs"), "-i", "2"], {
      env: { SOCKET: "app.sock" },
    });
    try {
      await run.waitForLog((log) => log.msg.startsWith("ready;"));
      expect(existsSync(join(run.home, "app.sock"))).toBe(true);
      await stop(run);
      expect(existsSync(join(run.home, "app.sock"))).toBe(false);
    } finally {
      await run.dispose();
    }
  }, 30_000);

  it("though the stop comes while workers boot", async () => {
    const { run } = await stage("puppet.mjs", { ready: false, env: { PUPPET_BOOT_MS: "20000" } });
    await run.waitForLine(/worker started|worker ready|./).catch(() => null);
    await stop(run);
  }, 30_000);

  it("and a second signal hurries, a third kills", async () => {
    const { run, port } = await stage("puppet.mjs", { flags: ["--drain-timeout", "60s"] });
    const slow = startSlowLoad({ port, clients: 2, path: "/slow?ms=30000", timeoutMs: 40_000 });
    const idle = connect(port, "127.0.0.1").on("error", () => {});
    const pids = [...workers(run).values()];
    const open = (): number =>
      [...connectionsOf(pids, port).values()].reduce((sum, each) => sum + each, 0);
    await until(() => open() >= 3, { what: "requests with the workers" });
    // Round trips: whoever has accepted has read by now.
    for (let n = 0; n < 10; n++) await pidFrom(port, "/");
    run.signal("SIGTERM");
    await run.waitForLog((log) => log.msg.startsWith("stopping"));
    run.signal("SIGTERM");
    await run.waitForLog((log) => log.msg.startsWith("hurrying"));
    run.signal("SIGTERM");
    const { code } = await run.exited;
    expect(code).toBe(137);
    await slow.stop();
    idle.destroy();
    await expectNoLeftovers(run.id);
  }, 40_000);

  it("nor does an app that ignores its signals: it is killed at the drain timeout, exit code 137", async () => {
    const { run } = await stage("ignores-signals.mjs", { flags: ["--drain-timeout", "1s"] });
    await stop(run, 137);
    expect(run.logs.some((log) => log.reason === "drain_timeout")).toBe(true);
  }, 30_000);

  it("and the exit status is the app's own", async () => {
    const { run } = await stage("exits-on-term.mjs", { env: { EXIT_CODE: "7" } });
    await stop(run, 7);
  }, 30_000);

  it("nor do workers outlive a supervisor that is killed", async () => {
    const { run } = await stage("puppet.mjs");
    run.signal("SIGKILL");
    await run.exited;
    await expectNoLeftovers(run.id, 5000);
  }, 30_000);
});

async function pidFrom(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return ((await response.json()) as { pid: number }).pid;
}

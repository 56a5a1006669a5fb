/** Process 1 of a PID namespace of its own, as in a container: reaps orphans, forwards signals, keeps the exit status. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { fixture, freePort, projectRoot } from "../support/holdfast.ts";
import { Output } from "../support/output.ts";
import { descendants, expectNoLeftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { until } from "../support/until.ts";

const UNSHARE = ["--pid", "--fork", "--mount-proc", "--kill-child"];
const canUnshare = spawnSync("unshare", [...UNSHARE, "true"]).status === 0;
if (!canUnshare) console.warn("skipped: process 1, for want of the right to make a PID namespace");
const canExec = "execve" in process;

// skip: without the right to make a PID namespace there is no process 1 to be
describe.skipIf(!canUnshare)("holdfast run as process 1", () => {
  it("reaps orphans where Node can become an init, and says so where it cannot", async () => {
    const id = `init-${process.pid}`;
    const cli = `${projectRoot}dist/bin/holdfast.cjs`;
    const args = [...UNSHARE, process.execPath, cli, "run", fixture("orphans.mjs"), "-i", "2"];
    const env = {
      ...process.env,
      PORT: String(await freePort()),
      EXIT_CODE: "5",
      [MARKER_VARIABLE]: id,
    };
    const child = spawn("unshare", args, { env, stdio: ["ignore", "pipe", "pipe"] });
    const output = new Output(child, "unshare holdfast run");
    await output.wait(
      () => output.logs.find((log) => log.msg.startsWith("ready;")),
      "that it is ready",
    );
    const one = descendants(child.pid ?? -1)[0]?.pid ?? -1;
    const zombies = () => descendants(one).filter(({ state }) => state === "Z");
    if (canExec) {
      await until(() => !descendants(one).some(({ command }) => command.includes("sleep")), {
        what: "the orphans to end",
      });
      await until(() => zombies().length === 0, { what: "the orphans to be reaped" });
    } else {
      const advice = output.logs.find((log) => log.msg.includes("cannot reap orphaned processes"));
      expect(advice?.level).toBe("warn");
    }
    const exited = once(child, "exit");
    process.kill(one, "SIGTERM");
    expect((await exited)[0]).toBe(5);
    await expectNoLeftovers(id);
  }, 30_000);
});

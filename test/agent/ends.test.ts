/** What keeps a worker's process, and what lets it end, is what it would be under plain Node. */

import { describe, expect, it } from "vitest";
import { stage, stop } from "../promises/stage.ts";
import type { HoldfastRun, LogRecord } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { get } from "./served.ts";

const app = "apps/ends.mjs";
const isExit = (log: LogRecord): boolean => log.reason !== undefined;

/** One worker that does this work; it is not started a second time. */
async function work(what: string, ready = false): Promise<{ run: HoldfastRun; port: number }> {
  const flags = ["--max-restarts", "0"];
  return stage(app, { env: { WORK: what }, flags, instances: 1, ready });
}

describe("a worker ends with code 0 when nothing is left for it to do", () => {
  it.each(["nothing", "timer", "unref-server", "activate"])("after: %s", async (what) => {
    const { run } = await work(what);
    const exit = await run.waitForLog(isExit);
    expect(exit).toMatchObject({ reason: "clean", code: 0, signal: null });
    expect(exit.msg).toMatch(/exited with code 0/);
    // It is not a loop without a word: the budget counts, and the end of it is told.
    await run.waitForLog((log) => log.msg.startsWith("the slot failed"));
    const said = { timer: "the timer is over", "unref-server": "listening", activate: "active" };
    const last = (said as Record<string, string>)[what];
    if (last) expect(run.stdout).toContain(`ends: ${last}`);
    await stop(run);
  });

  it("which a stop may bring about: its own clean-up need not call process.exit()", async () => {
    const { run, port } = await work("server", true);
    expect((await get({ port })).body).toBe("served");
    await stop(run);
    expect(run.stdout).toContain("ends: closed");
    expect(run.logs.find(isExit)).toMatchObject({ reason: "stop", code: 0, signal: null });
  });
});

describe("a worker stays", () => {
  it.each(["server", "udp", "message"])("for: %s", async (what) => {
    const { run } = await work(what);
    await run.waitForLog((log) => log.msg === "worker ready");
    // It has outlived what makes it ready (300 ms of life for one that never listens), and settles.
    const since = performance.now();
    await until(() => performance.now() > since + 500, { what: "half a second" });
    expect(run.logs.filter(isExit)).toEqual([]);
    await stop(run);
    expect(run.logs.filter(isExit)).toMatchObject([{ reason: "stop", code: 0 }]);
    // The start was still waiting for them to listen: a stop asked for then is no fault.
    expect(run.logs.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("for a hook of its drain, although nothing else keeps it", async () => {
    const { run } = await work("hook", true);
    await stop(run);
    expect(run.stdout).toContain("ends: hook done");
    expect(run.logs.find(isExit)).toMatchObject({ reason: "stop", code: 0 });
  });
});

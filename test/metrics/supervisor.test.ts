/** What happens to real workers, as a scrape tells it. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { embed, puppet } from "../supervisor/embedded.ts";
import { until } from "../support/until.ts";
import { parse } from "./stand.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-metrics-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a scrape tells of", () => {
  it("a crash loop, and of other apps as if nothing were", async () => {
    const env = { PUPPET_FAIL: "exit1" };
    const limits = { maxRestarts: 1, backoffBase: 10, instances: 1 };
    const { supervisor } = embed(
      await puppet({ name: "loops", env, ...limits }),
      await puppet({ name: "well", instances: 1 }),
    );
    await expect(supervisor.start()).rejects.toMatchObject({ code: "HF_START_FAILED" });
    await supervisor.until("ready", { app: "well" });
    const lines = parse((await supervisor.metrics()).body);
    const of = (name: string) => lines.get(`holdfast_${name}`);
    expect(of('app_crash_looping{app="loops"}')).toBe(1);
    expect(of('app_workers{app="loops",state="failed"}')).toBe(1);
    expect(of('app_up{app="loops"}')).toBe(0);
    expect(of('worker_exits_total{app="loops",reason="error"}')).toBe(2);
    expect(of('worker_restarts_total{app="loops",worker="0"}')).toBe(1);
    expect(of('worker_last_exit_code{app="loops",worker="0"}')).toBe(1);
    expect(of('app_crash_looping{app="well"}')).toBe(0);
    expect(of('app_up{app="well"}')).toBe(1);
  });

  it("a reload that failed, a worker that had to be killed, and nothing of an app that was removed", async () => {
    const file = join(folder, "puppet.json");
    writeFileSync(file, "{}");
    const own = await puppet({ name: "web", env: { PUPPET_FILE: file }, drainTimeout: 300 });
    const { supervisor } = embed(own);
    const text = async () => (await supervisor.metrics()).body;
    await supervisor.start();
    writeFileSync(file, '{"PUPPET_FAIL":"throw"}');
    await expect(supervisor.reload()).rejects.toMatchObject({ code: "HF_RELOAD_FAILED" });
    writeFileSync(file, "{}");
    // Who stands still does not drain.
    const blocked = fetch(`http://127.0.0.1:${own.port}/block?ms=30000`).catch(() => null);
    await until(
      async () => /heartbeat_misses_total\{app="web",worker="."\} [1-9]/.test(await text()),
      { what: "a beat to be missing" },
    );
    await supervisor.reload();
    await blocked;
    const lines = parse(await text());
    const of = (name: string) => lines.get(`holdfast_${name}`);
    expect(of('app_reloads_total{app="web",result="failure"}')).toBe(1);
    expect(of('app_reloads_total{app="web",result="success"}')).toBe(1);
    expect(of('app_reload_duration_seconds_count{app="web"}')).toBe(2);
    expect(of('worker_exits_total{app="web",reason="drain_timeout"}')).toBe(1);
    expect(of('worker_forced_kills_total{app="web",reason="drain_timeout"}')).toBe(1);
    expect(of('worker_drain_duration_seconds_count{app="web"}')).toBe(2);
    await supervisor.remove("web");
    expect(await text()).not.toContain('app="web"');
  });
});

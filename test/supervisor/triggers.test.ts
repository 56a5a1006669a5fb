/** Workers that are replaced without anybody asking: by time, by changed files, for their memory. */

import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Supervisor, SupervisorEvents } from "holdfast";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { embed, puppet } from "./embedded.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "hf-watch-"));
  folders.push(path);
  return path;
}

function heard<Name extends keyof SupervisorEvents>(supervisor: Supervisor, name: Name) {
  const events: SupervisorEvents[Name][0][] = [];
  supervisor.on(name as never, ((event: SupervisorEvents[Name][0]) => events.push(event)) as never);
  return events;
}

describe("watch", () => {
  it("a burst of changes is one reload, and what is ignored is none", async () => {
    const cwd = folder();
    mkdirSync(join(cwd, "src"));
    mkdirSync(join(cwd, "node_modules"));
    writeFileSync(join(cwd, "src/a.js"), "");
    const watch = { paths: ["."], ignore: ["node_modules", "*.log"], delay: "300ms" };
    const { supervisor, seen } = embed(await puppet({ cwd, watch }));
    const fired = heard(supervisor, "trigger:fired");
    await supervisor.start();
    // The watcher is there once a first change is seen.
    await until(
      () => {
        if (fired.length === 0) writeFileSync(join(cwd, "src/a.js"), String(Date.now()));
        return fired.length > 0;
      },
      { what: "the first reload", intervalMs: 500 },
    );
    await seen("reload:done 2");
    await until(() => !supervisor.status()[0]?.reloading, { what: "its end" });
    const before = fired.length;
    writeFileSync(join(cwd, "node_modules/x.js"), "x");
    writeFileSync(join(cwd, "app.log"), "x");
    for (let n = 0; n < 200; n += 1) writeFileSync(join(cwd, `src/${n}.js`), "x");
    // As editors save: written aside and renamed over; and a folder that is new.
    writeFileSync(join(cwd, "src/a.js~"), "new");
    renameSync(join(cwd, "src/a.js~"), join(cwd, "src/a.js"));
    await until(() => fired.length > before, { what: "the reload" });
    expect(fired.at(-1)).toMatchObject({ trigger: "watch", why: expect.stringContaining(cwd) });
    await until(() => !supervisor.status()[0]?.reloading, { what: "its end" });
    expect(fired.length).toBe(before + 1);
    expect(fired.map(({ why }) => why).join()).not.toMatch(/node_modules|app\.log/);
  });

  it("ends with the app, and comes again with it", async () => {
    const cwd = folder();
    const { supervisor } = embed(await puppet({ cwd, watch: { paths: ["."], delay: 50 } }));
    const fired = heard(supervisor, "trigger:fired");
    await supervisor.start();
    await supervisor.stop();
    writeFileSync(join(cwd, "a.js"), "x");
    await supervisor.start();
    expect(fired).toEqual([]);
    await until(
      () => {
        writeFileSync(join(cwd, "a.js"), String(Date.now()));
        return fired.length > 0;
      },
      { what: "a reload", intervalMs: 500 },
    );
  });
});

describe("cron", () => {
  it("reloads when its time has come, and not when the app is stopped", async () => {
    const { supervisor, seen } = embed(await puppet({ cron: "* * * * * *", instances: 1 }));
    const fired = heard(supervisor, "trigger:fired");
    await supervisor.start();
    await seen("reload:done 2");
    expect(fired[0]).toMatchObject({ trigger: "cron", app: "puppet" });
    await supervisor.stop();
    expect(supervisor.status()[0]?.status).toBe("stopped");
  });
});

describe("memory", () => {
  it("a worker above its limit serves until its successor does; the others are left alone", async () => {
    const app = await puppet({ maxMemory: "200M", instances: 2 });
    const { supervisor } = embed(app);
    const fired = heard(supervisor, "trigger:fired");
    const exits = heard(supervisor, "worker:exit");
    await supervisor.start();
    const before = supervisor.status()[0]?.workers ?? [];
    let served = 0;
    // Grows whichever worker answers until one is over the limit.
    await until(
      async () => {
        const answer = await fetch(`http://127.0.0.1:${app.port}/leak?mb=64`);
        if (answer.ok) served += 1;
        return fired.length > 0;
      },
      { what: "the replacement", timeoutMs: 30_000, intervalMs: 50 },
    );
    expect(served).toBeGreaterThan(0);
    expect(fired[0]).toMatchObject({ trigger: "memory", why: expect.stringContaining("200 MiB") });
    await until(() => exits.length > 0, { what: "the end of the large one", timeoutMs: 30_000 });
    expect(exits[0]).toMatchObject({ reason: "memory_limit", worker: fired[0]?.worker });
    const after = supervisor.status()[0]?.workers ?? [];
    expect(after.filter(({ pid }) => before.some((old) => old.pid === pid)).length).toBeLessThan(2);
    expect(supervisor.status()[0]?.ready).toBeGreaterThanOrEqual(2);
  });
});

/** Options of how an app is run: what its processes are given, when they start, and when none follows. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createSupervisor, type Supervisor } from "holdfast";
import { describe, expect, it } from "vitest";
import { fixture } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { embed, puppet } from "./embedded.ts";

const isRoot = process.getuid?.() === 0;
const NODE22 = fileURLToPath(new URL("../nodes/node_modules/node22/bin/node", import.meta.url));

async function get(port: number, path: string): Promise<Record<string, string>> {
  const headers = { connection: "close" };
  return (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).json() as Promise<
    Record<string, string>
  >;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: { code?: string }) => error.code ?? String(error),
  );
}

function states(supervisor: Supervisor): readonly string[] {
  return supervisor.status().flatMap(({ slots }) => slots.map(({ state }) => state));
}

describe("a worker's environment", () => {
  it("carries the slot under the name asked for, and raises the variable asked for", async () => {
    const app = await puppet({
      instanceVar: "MY_SLOT",
      incrementVar: "BASE",
      env: { BASE: "3000" },
    });
    const { supervisor } = embed(app);
    await supervisor.start();
    const seen = new Map<string, Record<string, string>>();
    await until(
      async () => {
        const env = await get(app.port, "/env");
        seen.set(String(env.MY_SLOT), env);
        return seen.size === 2;
      },
      { what: "an answer of both slots" },
    );
    expect([seen.get("0")?.BASE, seen.get("1")?.BASE]).toEqual(["3000", "3001"]);
    expect(seen.get("0")?.NODE_APP_INSTANCE).toBeUndefined();
  });
});

describe("interpreter", () => {
  it("is the Node that runs the app", async () => {
    const interpreter = existsSync(NODE22) ? NODE22 : process.execPath;
    const app = await puppet({ interpreter });
    const { supervisor } = embed(app);
    await supervisor.start();
    await supervisor.reload();
    expect((await get(app.port, "/")).pid).toBeDefined();
  });
  it("that is not there fails the start and says so", async () => {
    const app = await puppet({ interpreter: "/nowhere/node", maxRestarts: 0, backoffBase: 10 });
    const { supervisor } = embed(app);
    const error = await supervisor.start().catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: "HF_START_FAILED" });
    expect((error as Error).message).toContain("/nowhere/node");
  });
});

describe("uid and gid", () => {
  it("of nobody the system knows are refused", async () => {
    const { supervisor } = embed(await puppet({ uid: "no-such-user-here" }));
    expect(await codeOf(supervisor.start())).toBe("HF_ACCOUNT_UNKNOWN");
  });
  // skip: becoming another user needs root.
  it.skipIf(!isRoot)("are the worker's, with the user's own group, home and name", async () => {
    const app = await puppet({ uid: "daemon", script: fixture("apps/who.mjs") });
    const { supervisor } = embed(app);
    await supervisor.start();
    expect(await get(app.port, "/")).toMatchObject({ uid: 1, gid: 1, user: "daemon", groups: [1] });
  });
});

describe("the end of a worker", () => {
  it("with a code that means done is followed by none; another code is", async () => {
    const { supervisor, seen } = embed(
      await puppet({
        script: fixture("apps/ends-with.mjs"),
        args: ["7"],
        stopExitCodes: [7],
        instances: 1,
      }),
    );
    await supervisor.start();
    await until(() => states(supervisor).includes("done"), { what: "its end" });
    expect(supervisor.status()[0]).toMatchObject({ status: "running", ready: 0 });
    await supervisor.restart();
    await seen("worker:exit 0/2");
  });
  it("is the last one without autorestart: a good one resolves the start, a bad one rejects it", async () => {
    const script = fixture("apps/ends-with.mjs");
    const good = embed(await puppet({ script, args: ["0"], autorestart: false, instances: 1 }));
    await good.supervisor.start();
    await until(() => states(good.supervisor).includes("done"), { what: "its end" });
    const bad = embed(await puppet({ script, args: ["3"], autorestart: false, instances: 1 }));
    expect(await codeOf(bad.supervisor.start())).toBe("HF_START_FAILED");
    expect(states(bad.supervisor)).toEqual(["failed"]);
    expect(bad.supervisor.status()[0]?.slots[0]?.retryInMs).toBeNull();
  });
});

describe("a start", () => {
  it("of which one slot never comes up is rejected, and the others serve", async () => {
    const app = await puppet({
      script: fixture("crash-slot.mjs"),
      maxRestarts: 1,
      backoffBase: 10,
      env: { CRASH_SLOT: "1" },
    });
    const { supervisor } = embed(app);
    expect(await codeOf(supervisor.start())).toBe("HF_START_FAILED");
    expect(states(supervisor)).toEqual(["ready", "failed"]);
  });
});

describe("dependsOn and autostart", () => {
  it("starts each app after those it depends on are ready", async () => {
    const [web, cache, data, idle] = [
      await puppet({ name: "web", instances: 1, dependsOn: ["cache", "data"] }),
      await puppet({ name: "cache", instances: 1, dependsOn: ["data"] }),
      await puppet({ name: "data", instances: 1, env: { PUPPET_BOOT_MS: "300" } }),
      await puppet({ name: "idle", instances: 1, autostart: false }),
    ];
    const { supervisor } = embed(web, cache, data, idle);
    const order: string[] = [];
    supervisor.on("worker:start", ({ app }) => order.push(`start ${app}`));
    supervisor.on("worker:ready", ({ app }) => order.push(`ready ${app}`));
    await supervisor.start();
    expect(order).toEqual(
      ["data", "cache", "web"].flatMap((app) => [`start ${app}`, `ready ${app}`]),
    );
    expect(supervisor.status().find(({ name }) => name === "idle")?.status).toBe("idle");
    await supervisor.start({ app: "idle" });
  });
  it("leaves alone what was stopped while it waited", async () => {
    const web = await puppet({ name: "web", instances: 1, dependsOn: ["data"] });
    const data = await puppet({ name: "data", instances: 1, env: { PUPPET_BOOT_MS: "500" } });
    const { supervisor } = embed(web, data);
    const started = codeOf(supervisor.start());
    await supervisor.stop({ app: "web" });
    expect(await started).toBe("HF_NOT_RUNNING");
    expect(supervisor.status().map(({ ready }) => ready)).toEqual([0, 1]);
  });
  it("does not start what depends on a failure, and starts the rest", async () => {
    const [web, data, other] = [
      await puppet({ name: "web", instances: 1, dependsOn: ["data"] }),
      await puppet({
        name: "data",
        instances: 1,
        maxRestarts: 0,
        backoffBase: 10,
        env: { PUPPET_FAIL: "exit1" },
      }),
      await puppet({ name: "other", instances: 1 }),
    ];
    const { supervisor } = embed(web, data, other);
    expect(["HF_START_FAILED", "HF_DEPENDENCY_FAILED"]).toContain(await codeOf(supervisor.start()));
    const status = supervisor.status().map(({ name, ready }) => [name, ready]);
    expect(status).toEqual([
      ["web", 0],
      ["data", 0],
      ["other", 1],
    ]);
  });
  it("on an app that is not there, or in a circle, is a fault", () => {
    const apps = [
      { script: "a.js", name: "a", dependsOn: ["b"] },
      { script: "b.js", name: "b", dependsOn: ["a"] },
    ];
    expect(() => createSupervisor({ apps })).toThrow(
      expect.objectContaining({ code: "HF_CONFIG_INVALID" }),
    );
  });
});

/** The admin server of a supervisor that lives in this process: when it is there, and what its probes say. */
import { once } from "node:events";
import { createServer } from "node:net";
import { createSupervisor, type Supervisor } from "holdfast";
import { afterEach, describe, expect, it } from "vitest";
import { freePort } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { puppet, quiet } from "./embedded.ts";

const open: Supervisor[] = [];
const ANY = { listen: "127.0.0.1:0" };
type Config = Extract<Parameters<typeof createSupervisor>[0], { readonly apps: unknown }>;

afterEach(async () => {
  for (const supervisor of open.splice(0)) {
    supervisor.kill();
    await supervisor.stop();
  }
});

function embed(config: Config): Supervisor {
  const supervisor = createSupervisor(config, { output: quiet });
  open.push(supervisor);
  return supervisor;
}

/** One worker each, without what `puppet` tells the test only. */
async function app(more: Parameters<typeof puppet>[0] = {}) {
  const { port, ...options } = await puppet({ instances: 1, ...more });
  return options;
}

async function readyz(supervisor: Supervisor): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`http://${supervisor.admin.address}/readyz`);
  return { status: response.status, body: await response.json() };
}

describe("the admin server", () => {
  it("answers from before the apps are ready until they are gone, and never without being asked for", async () => {
    const none = embed({ apps: [await app({ name: "a" })] });
    await none.start();
    expect(none.admin.address).toBeNull();
    const supervisor = embed({ apps: [await app({ name: "b" })], admin: ANY });
    expect(supervisor.admin.address).toBeNull();
    await supervisor.start();
    const { address } = supervisor.admin;
    expect(await (await fetch(`http://${address}/healthz`)).text()).toBe("ok\n");
    const text = await (await fetch(`http://${address}/metrics`)).text();
    expect(text).toContain('holdfast_app_up{app="b"} 1');
    await supervisor.stop();
    await expect(fetch(`http://${address}/healthz`)).rejects.toThrow();
    // What was stopped as a whole can be started again as a whole.
    await supervisor.start();
    expect((await readyz(supervisor)).status).toBe(200);
  });

  it("is not ready before its apps are, nor from the first moment of draining on", async () => {
    const settings = { env: { PUPPET_BOOT_MS: "400" } };
    const supervisor = embed({ apps: await app({ name: "slow", ...settings }), admin: ANY });
    const listening = once(supervisor, "admin:listening");
    const started = supervisor.start();
    await listening;
    expect(await readyz(supervisor)).toMatchObject({
      status: 503,
      body: { stopping: false, apps: [{ app: "slow", have: 0, need: 1, of: 1 }] },
    });
    await started;
    expect((await readyz(supervisor)).status).toBe(200);
    // A request under way keeps the worker draining.
    const [at] = supervisor.status().flatMap(({ addresses }) => addresses);
    const busy = await fetch(`http://${at}/slow?ms=1500`);
    const stopped = supervisor.stop();
    expect(await readyz(supervisor)).toMatchObject({ status: 503, body: { stopping: true } });
    expect(await busy.text()).toContain("done");
    await stopped;
  });

  it("asks of each app what its minReady says, and nothing of those a person has stopped", async () => {
    const whole = await app({ name: "whole", instances: 2, minReady: "100%" });
    const half = await app({ name: "half", instances: 2 });
    const spare = await app({ name: "spare", autostart: false });
    const supervisor = embed({ apps: [whole, half, spare], admin: ANY });
    await supervisor.start();
    expect(await readyz(supervisor)).toMatchObject({
      status: 200,
      body: { apps: [{ app: "whole" }, { app: "half" }] },
    });
    const kill = (name: string): unknown => supervisor.signal(name, [0], "SIGKILL");
    kill("half");
    await once(supervisor, "worker:exit");
    expect((await readyz(supervisor)).status).toBe(200);
    kill("whole");
    await once(supervisor, "worker:exit");
    expect(await readyz(supervisor)).toMatchObject({
      status: 503,
      body: { apps: [{ app: "whole", missing: "1 of 2 workers is ready, 2 must be" }, {}] },
    });
    await supervisor.stop({ app: "whole" });
    expect((await readyz(supervisor)).body).toMatchObject({ ready: true, apps: [{ app: "half" }] });
  });

  it("says what keeps an app from running at all", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const supervisor = embed({
      apps: await app({ name: "unlucky", env: { PORT: String(port) } }),
      admin: ANY,
    });
    await expect(supervisor.start()).rejects.toMatchObject({ code: "HF_PORT_IN_USE" });
    const { status, body } = await readyz(supervisor);
    expect(status).toBe(503);
    expect(body).toMatchObject({ apps: [{ missing: "it cannot run (HF_PORT_IN_USE)" }] });
    taken.close();
  });
});

describe("where it cannot listen", () => {
  it("the apps run all the same, it says why, and comes when the port is free", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const supervisor = embed({ apps: await app({ name: "api" }), admin: { listen: port } });
    const faults: unknown[] = [];
    supervisor.on("admin:fault", ({ error }) => faults.push(error));
    await supervisor.start();
    expect(supervisor.status()).toMatchObject([{ name: "api", ready: 1 }]);
    expect(supervisor.admin.address).toBeNull();
    expect(faults).toMatchObject([
      { code: "HF_ADMIN_PORT_IN_USE", details: { address: `127.0.0.1:${port}` } },
    ]);
    expect(supervisor.admin.fault).toBe(faults[0]);
    holder.close();
    await until(() => supervisor.admin.address === `127.0.0.1:${port}`, {
      ...{ what: "the admin server to have its port", timeoutMs: 15_000 },
    });
    expect(supervisor.admin.fault).toBeNull();
    expect(faults).toHaveLength(1);
  });

  it("others must not reach it without a token", async () => {
    const apps = await app();
    expect(() => createSupervisor({ apps, admin: { listen: "0.0.0.0:0" } })).toThrow(
      expect.objectContaining({ code: "HF_ADMIN_UNPROTECTED" }),
    );
    const token = "0123456789abcdef";
    const supervisor = embed({ apps, admin: { listen: "0.0.0.0:0", token } });
    await supervisor.start();
    const url = `http://127.0.0.1:${supervisor.admin.address?.split(":").at(-1)}/metrics`;
    expect((await fetch(url)).status).toBe(401);
    const headers = { Authorization: `Bearer ${token}` };
    expect((await fetch(url, { headers })).status).toBe(200);
  });
});

it("moves while the apps run, and they do not notice", async () => {
  const supervisor = embed({ apps: await app({ name: "api" }), admin: ANY });
  await supervisor.start();
  const pids = (): unknown =>
    supervisor.status().map(({ workers }) => workers.map(({ pid }) => pid));
  const [before, first] = [pids(), supervisor.admin.address];
  const port = await freePort();
  const there = { listen: { host: "127.0.0.1", port }, token: null, tokenFile: null };
  await supervisor.admin.configure(there);
  expect(supervisor.admin.address).toBe(`127.0.0.1:${port}`);
  await expect(fetch(`http://${first}/healthz`)).rejects.toThrow();
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  expect(() => supervisor.admin.configure({ ...there, listen: { host: "::", port } })).toThrow(
    "without a token",
  );
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  await supervisor.admin.configure(null);
  expect(supervisor.admin.address).toBeNull();
  expect(pids()).toEqual(before);
});

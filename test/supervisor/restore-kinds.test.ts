/** Apps of all kinds go on under the next supervisor: how they listen, route, and talk to one another. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, freePort } from "../support/holdfast.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad } from "../support/load.ts";
import { isAlive, leftovers } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { Orphanage } from "./orphans.ts";

const PUPPET = fixture("puppet.mjs");

/** Starts apps as they are written in a configuration file. */
async function start(house: Orphanage, ...apps: readonly object[]): Promise<void> {
  const written = apps.map((app) => ({ minUptime: 200, ...app }));
  await house.ok(["start", house.file("apps.json", { heir: false, apps: written })]);
}

function askPath(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: path, path: "/" }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve(text));
    });
    asked.on("error", reject).end();
  });
}

/** Every worker of the app is replaced by one of this supervisor's own. */
async function reloaded(house: Orphanage, app: string): Promise<void> {
  const before = await house.pids(app);
  await house.ok(["reload", app]);
  expect((await house.pids(app)).filter((pid) => before.includes(pid))).toEqual([]);
}

describe("the next supervisor goes on with", () => {
  it("a UNIX socket, and several ports of one app", async () => {
    await using house = new Orphanage();
    const path = join(house.root, "app.sock");
    const ports = [await freePort(), await freePort()];
    const listen = ports.map((port, nth) => ({ name: `web${nth}`, port, host: "127.0.0.1" }));
    await start(
      house,
      { name: "unix", script: fixture("unix-socket.mjs"), instances: 2, env: { SOCKET: path } },
      {
        ...{ name: "ports", script: fixture("apps/listeners.mjs"), instances: 2 },
        env: { LISTEN: JSON.stringify(listen) },
      },
    );
    await house.killSupervisor();
    expect(await askPath(path)).toBe("hello");
    expect(await house.pids("unix")).toHaveLength(2);
    await house.adopted(4);
    const loads = ports.map((port) => startFreshLoad({ port, clients: 2 }));
    await reloaded(house, "unix");
    expect(await askPath(path)).toBe("hello");
    await reloaded(house, "ports");
    for (const load of loads) expectClean(await load.stop(), { minOk: 10 });
    await house.ok(["stop", "all"]);
    expect(existsSync(path)).toBe(false);
  });

  it("fork mode, and an app that says itself when it is ready", async () => {
    await using house = new Orphanage();
    const ports = [await freePort(), await freePort()];
    const env = { PUPPET_READY: "message", PUPPET_READY_MS: 1500, PUPPET_PORT: ports[1] };
    await start(
      house,
      {
        ...{ name: "fork", script: PUPPET, execMode: "fork", instances: 1 },
        env: { PUPPET_PORT: ports[0] },
      },
      { name: "told", script: PUPPET, instances: 2, ready: "message", env, autostart: false },
    );
    const ended = house.run(["start", "told"]).catch(() => undefined);
    const listens = (): Promise<boolean> => fetch(`http://127.0.0.1:${ports[1]}/`).then(() => true);
    await until(listens, { what: "it to listen, not ready yet" });
    const pids = (await house.app("told")).workers.map(({ pid }) => pid);
    await house.killSupervisor();
    await ended;
    await house.ok(["wait", "told", "--for", "ready"]);
    expect((await house.app("told")).workers.map(({ pid }) => pid)).toEqual(pids);
    expect(await house.pids("fork")).toHaveLength(1);
    const load = startFreshLoad({ port: ports[1] ?? 0, clients: 2 });
    await reloaded(house, "told");
    expectClean(await load.stop(), { minOk: 10 });
    await reloaded(house, "fork");
    expect((await fetch(`http://127.0.0.1:${ports[0]}/`)).status).toBe(200);
  });

  it("sessions, which stay on their workers", async () => {
    await using house = new Orphanage();
    const port = await freePort();
    const app = { name: "sessions", script: fixture("apps/sessions.mjs"), instances: 3 };
    await start(house, { ...app, sticky: { by: "cookie" }, env: { PORT: port } });
    const visit = async (cookie: string): Promise<{ cookie: string; n: number; pid: number }> => {
      const answer = await fetch(`http://127.0.0.1:${port}/session`, { headers: { cookie } });
      const { n, pid } = (await answer.json()) as { n: number; pid: number };
      const set = answer.headers.getSetCookie().map((line) => line.split(";")[0] ?? "");
      const kept = cookie === "" ? [] : cookie.split("; ");
      const names = new Set(set.map((pair) => pair.split("=")[0]));
      const left = kept.filter((pair) => !names.has(pair.split("=")[0]));
      return { cookie: [...left, ...set].join("; "), n, pid };
    };
    const clients = await Promise.all(Array.from({ length: 12 }, () => visit("")));
    await house.killSupervisor();
    const alone = await Promise.all(clients.map(({ cookie }) => visit(cookie)));
    expect(alone.map(({ pid, n }) => [pid, n])).toEqual(clients.map(({ pid }) => [pid, 2]));
    await house.pids("sessions");
    await house.adopted(3);
    const after = await Promise.all(alone.map(({ cookie }) => visit(cookie)));
    expect(after.map(({ pid, n }) => [pid, n])).toEqual(clients.map(({ pid }) => [pid, 3]));
    // The others learn of a worker that is new, and their sessions stay where they are.
    const victim = clients[0]?.pid ?? 0;
    process.kill(victim, "SIGKILL");
    const replaced = async (): Promise<boolean> => {
      const pids = await house.pids("sessions");
      return pids.length === 3 && !pids.includes(victim);
    };
    await until(replaced, { what: "the killed worker to be replaced" });
    const others = after.filter(({ pid }) => pid !== victim);
    const last = await Promise.all(others.map(({ cookie }) => visit(cookie)));
    expect(last.map(({ pid, n }) => [pid, n])).toEqual(others.map(({ pid }) => [pid, 4]));
  });

  it("the bus: durable queues lose nothing, and locks are had again", async () => {
    await using house = new Orphanage();
    const [ledger, locks] = [house.file("ledger", ""), house.file("locks", "")];
    const counter = house.file("counter", "0");
    await start(
      house,
      {
        ...{ name: "jobs", script: fixture("apps/queue.mjs"), instances: 2 },
        env: { LEDGER: ledger, PORT: await freePort() },
      },
      {
        ...{ name: "locks", script: fixture("apps/locks.mjs"), instances: 2 },
        env: { LEDGER: locks, COUNTER: counter, PORT: await freePort() },
      },
    );
    const pids = [...(await house.pids("jobs")), ...(await house.pids("locks"))];
    for (let n = 1; n <= 8; n++) {
      await house.ok(["enqueue", "jobs", JSON.stringify({ n, waitMs: 200 })]);
    }
    await house.killSupervisor();
    await house.ok(["enqueue", "jobs", JSON.stringify({ n: 9 })]);
    const done = (): Set<string> => {
      const lines = readFileSync(ledger, "utf8").split("\n");
      return new Set(
        lines.filter((line) => line.startsWith("done ")).map((line) => line.split(" ")[1] ?? ""),
      );
    };
    await until(() => done().size === 9, { what: "all jobs to be done", timeoutMs: 30_000 });
    expect([...(await house.pids("jobs")), ...(await house.pids("locks"))]).toEqual(pids);
    writeFileSync(counter, "0");
    await house.ok(["request", "count.0", "20", "--timeout", "20s"]);
    await house.ok(["request", "count.1", "20", "--timeout", "20s"]);
    expect(readFileSync(counter, "utf8")).toBe("40");
  });

  it("nothing but what is left: grandchildren of a worker that died meanwhile are ended", async () => {
    await using house = new Orphanage();
    const port = await freePort();
    await start(house, { name: "web", script: PUPPET, instances: 1, env: { PUPPET_PORT: port } });
    const answer = await fetch(`http://127.0.0.1:${port}/spawn-detached`);
    const child = ((await answer.json()) as { pid: number }).pid;
    const [worker = 0] = await house.pids("web");
    await house.killSupervisor();
    process.kill(worker, "SIGKILL");
    await until(() => !isAlive(worker), { what: "the worker to be dead" });
    await house.ok(["start", "web"]);
    await until(() => !isAlive(child), { what: "its child to be ended" });
    expect(leftovers(house.id)).toHaveLength(2);
  });
});

/** A supervisor that is killed leaves its workers to the next one: they serve on, and are that one's from then on. */

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, freePort } from "../support/holdfast.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad, startKeepAliveLoad } from "../support/load.ts";
import { isAlive, leftovers, listenersOn } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { Orphanage } from "./orphans.ts";

const PUPPET = fixture("puppet.mjs");
const QUICK = ["--min-uptime", "200ms", "--no-heir"];

async function started(house: Orphanage, instances: number): Promise<number> {
  const port = await freePort();
  const env = { PUPPET_PORT: String(port) };
  await house.ok(["start", PUPPET, "-n", "web", "-i", String(instances), ...QUICK], { env });
  return port;
}

describe("the next supervisor", () => {
  it("goes on with the same workers, and no request is lost", async () => {
    await using house = new Orphanage();
    const port = await started(house, 4);
    const pids = await house.pids("web");
    const loads = [startFreshLoad({ port, clients: 4 }), startKeepAliveLoad({ port, clients: 4 })];
    for (const times of [1, 2]) {
      const answered = (): number => loads.reduce((sum, { ledger }) => sum + ledger.ok, 0);
      await house.killSupervisor();
      const before = answered();
      await until(() => answered() > before + 200, { what: "requests without a supervisor" });
      expect(await house.pids("web")).toEqual(pids);
      await house.adopted(4 * times);
      expect((await house.ok(["metrics"])).stdout).toMatch(
        /holdfast_http_requests_total|holdfast_http_request_duration_seconds_count/,
      );
    }
    for (const load of loads) expectClean(await load.stop(), { minOk: 400 });
    expect((await house.app("web")).crashes).toBe(0);
  });

  it("replaces, reloads, scales and stops what it has adopted as what it has started", async () => {
    await using house = new Orphanage();
    const port = await started(house, 4);
    const [first = 0, ...others] = await house.pids("web");
    await house.killSupervisor();
    await house.pids("web");
    await house.adopted(4);
    const mayFail = startFreshLoad({ port, clients: 2 });
    process.kill(first, "SIGKILL");
    const replaced = async (): Promise<boolean> => {
      const now = await house.pids("web");
      return now.length === 4 && !now.includes(first);
    };
    await until(replaced, { what: "the killed worker to be replaced" });
    expect(await house.pids("web")).toEqual(expect.arrayContaining(others));
    const { failures } = await mayFail.stop();
    expect(failures.length).toBeLessThanOrEqual(2);

    const loads = [startFreshLoad({ port, clients: 4 }), startKeepAliveLoad({ port, clients: 4 })];
    await house.ok(["reload", "web"]);
    const renewed = await house.pids("web");
    expect(renewed.filter((pid) => others.includes(pid))).toEqual([]);
    await house.ok(["scale", "web", "6"]);
    expect(await house.pids("web")).toHaveLength(6);
    await house.ok(["scale", "web", "2"]);
    expect(await house.pids("web")).toHaveLength(2);
    for (const load of loads) expectClean(await load.stop(), { minOk: 100 });

    await house.ok(["stop", "web"]);
    expect(listenersOn(port)).toEqual([]);
    expect(leftovers(house.id).map(({ pid }) => pid)).toEqual([house.supervisorPid()]);
  });

  it("finds out who has died meanwhile, and keeps the port of those that are left", async () => {
    await using house = new Orphanage();
    await house.ok(["start", PUPPET, "-n", "web", "-i", "2", ...QUICK], {
      env: { PUPPET_PORT: "0" },
    });
    const { addresses } = await house.app("web");
    const [first = 0, second = 0] = await house.pids("web");
    await house.killSupervisor();
    process.kill(first, "SIGKILL");
    await until(() => !isAlive(first), { what: "the worker to be dead" });
    await house.app("web");
    await house.adopted(1);
    await until(async () => (await house.pids("web")).length === 2, { what: "two workers" });
    const pids = await house.pids("web");
    expect(pids).toContain(second);
    expect((await house.app("web")).addresses).toEqual(addresses);
    const exits = house.logs().filter(({ reason }) => reason === "unknown");
    expect(exits.map(({ pid }) => pid)).toEqual([first]);
  });

  it("binds anew, to the same port, what died with all of its workers", async () => {
    await using house = new Orphanage();
    await house.ok(["start", PUPPET, "-n", "web", "-i", "2", ...QUICK], {
      env: { PUPPET_PORT: "0" },
    });
    const { addresses } = await house.app("web");
    const pids = await house.pids("web");
    await house.killSupervisor();
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await until(() => !pids.some(isAlive), { what: "the workers to be dead" });
    await house.ok(["start", "web"]);
    expect((await house.app("web")).addresses).toEqual(addresses);
    expect((await fetch(`http://${addresses[0]}/`)).status).toBe(200);
  });

  it("is started by whoever wants to stop, and nothing is left in the end", async () => {
    await using house = new Orphanage();
    const port = await started(house, 2);
    await house.killSupervisor();
    await house.ok(["stop", "web"]);
    expect((await house.app("web")).status).toBe("stopped");
    await house.ok(["start", "web"]);
    await house.killSupervisor();
    await house.ok(["shutdown"]);
    await until(() => leftovers(house.id).length === 0, { what: "everything to be gone" });
    expect(listenersOn(port)).toEqual([]);
    const left = readdirSync(house.home).filter((name) => !name.startsWith("state.json"));
    expect(left.sort()).toEqual(["logs", "supervisor.log"]);
  });

  it("ends the workers of an app that should not be there any more, once they have answered", async () => {
    await using house = new Orphanage();
    const port = await started(house, 2);
    await house.ok(["start", PUPPET, "-n", "other", "-i", "1", ...QUICK]);
    const slow = fetch(`http://127.0.0.1:${port}/slow?ms=1500`).then((answer) => answer.text());
    const pids = await house.pids("web");
    await house.killSupervisor();
    writeFileSync(join(house.home, "state.json"), stateWithout(house, "web"));
    expect((await house.overview()).apps.map(({ name }) => name)).toEqual(["other"]);
    expect(await slow).toMatch(/done/);
    await until(() => !pids.some(isAlive), { what: "the workers to be gone" });
    await until(() => listenersOn(port).length === 0, { what: "the port to be free" });
    expect((await house.app("other")).ready).toBe(1);
  });
});

function stateWithout(house: Orphanage, app: string): string {
  const state = house.state();
  return JSON.stringify({ ...state, apps: state.apps.filter((each) => each.options.name !== app) });
}

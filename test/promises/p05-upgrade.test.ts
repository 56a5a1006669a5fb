/**
 * P5: upgrading the supervisor costs nothing: no request, no WebSocket, no event stream, no worker. An upgrade that
 * cannot succeed changes nothing.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, freePort, projectRoot } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { expectClean } from "../support/ledger.ts";
import {
  startFreshLoad,
  startKeepAliveLoad,
  startSseClients,
  startWsClients,
} from "../support/load.ts";
import { type OtherVersion, otherVersion } from "../support/other-version.ts";
import { listenersOn } from "../support/processes.ts";
import { until } from "../support/until.ts";

const OWN = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")).version as string;

async function workers(house: House): Promise<readonly (number | null)[]> {
  return (await house.overview()).apps.flatMap((app) => app.workers.map(({ pid }) => pid));
}

/** Once somebody would take over. */
async function steady(house: House): Promise<void> {
  await until(async () => (await house.overview()).supervisor.heir.pid, { what: "an heir" });
}

async function upgraded(house: House, { program, version }: Partial<OtherVersion>): Promise<void> {
  await house.ok(["upgrade"], program ? { program } : {});
  expect((await house.overview()).supervisor.version).toBe(version ?? OWN);
}

describe("P5: an upgrade of the supervisor", () => {
  it("under every kind of load loses nothing, there and back again; a broken one changes nothing", async () => {
    await using house = new House();
    const port = await freePort();
    const env = { PORT: String(port) };
    await house.ok(["start", fixture("puppet.mjs"), "-n", "web", "-i", "3"], { env });
    await steady(house);
    const before = await workers(house);
    const listeners = listenersOn(port).map(({ inode }) => inode);
    const newer = otherVersion(house.root, "99.0.0");
    const broken = otherVersion(house.root, "99.0.1");
    broken.replace("takeover.cjs", 'throw new Error("half a build");\n');
    const loads = [
      startFreshLoad({ port, clients: 6 }),
      startKeepAliveLoad({ port, clients: 6, thinkMs: 5 }),
    ];
    const sockets = startWsClients({ port, clients: 8 });
    const streams = startSseClients({ port, clients: 8 });
    const served = (): number => loads.reduce((sum, { ledger }) => sum + ledger.ok, 0);
    for (const version of [newer, broken, {}, {}, newer] as const) {
      const soFar = served();
      if (version === broken) {
        const { status } = await house.run(["upgrade"], { program: broken.program });
        expect(status).toBe(6);
        expect((await house.overview()).supervisor.version).toBe("99.0.0");
      } else await upgraded(house, version);
      await until(() => served() > soFar + 200, { what: "200 more requests" });
      await steady(house);
    }
    expect(await workers(house)).toEqual(before);
    expect(listenersOn(port).map(({ inode }) => inode)).toEqual(listeners);
    for (const load of loads) expectClean(await load.stop(), { minOk: 300 });
    const [talks, read] = [await sockets.stop(), await streams.stop()];
    expectClean(talks, { minOk: 100 });
    expectClean(read, { minOk: 0 });
    // None had to come again.
    expect([talks.counts.opened, talks.counts.closeCodes, read.counts.opened]).toEqual([8, {}, 8]);
    expect(read.counts.events).toBeGreaterThan(100);
    expect((await house.overview()).supervisor.takeovers).toBe(4);
    // It is a whole supervisor: it replaces workers it has not started, and none is left at the end.
    await house.ok(["reload", "web"], { program: newer.program });
    expect((await workers(house)).filter((pid) => before.includes(pid))).toEqual([]);
  }, 120_000);

  it("in the middle of a reload: the reload comes to its end, and nothing is lost", async () => {
    await using house = new House();
    const port = await freePort();
    const env = { PORT: String(port), PUPPET_BOOT_MS: "400" };
    const flags = ["-n", "web", "-i", "3", "--min-uptime", "200ms"];
    await house.ok(["start", fixture("puppet.mjs"), ...flags], { env });
    await steady(house);
    const before = await workers(house);
    const load = startFreshLoad({ port, clients: 6 });
    const reload = house.run(["reload", "web"]);
    await until(async () => (await house.overview()).apps[0]?.reloading, { what: "the reload" });
    await house.ok(["upgrade"]);
    // Whoever waited for it knows where it goes on.
    expect(await reload).toMatchObject({
      status: 5,
      stderr: expect.stringContaining("code: HF_HANDED_OVER"),
    });
    await until(
      async () => {
        const [app] = (await house.overview()).apps;
        const pids = app?.workers.map(({ pid }) => pid) ?? [];
        return !app?.reloading && pids.length === 3 && !pids.some((pid) => before.includes(pid));
      },
      { what: "three new workers", timeoutMs: 30_000 },
    );
    expectClean(await load.stop(), { minOk: 100 });
  }, 120_000);
});

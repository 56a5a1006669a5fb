/** What a background supervisor writes down of its apps, while they start, are replaced, stop and go. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type AppRecord,
  appIn,
  launchesIn,
  supervisorIn,
} from "../../src/supervisor/roster/records.ts";
import { startTicks } from "../../src/system/proc.ts";
import { fixture, freePort } from "../support/holdfast.ts";
import { House } from "../support/house.ts";
import { until } from "../support/until.ts";

const textOf = (house: House, name: string): string =>
  readFileSync(join(house.home, "roster", name), "utf8");

function recordIn(house: House, app = "api"): AppRecord {
  const record = appIn(textOf(house, `${app}.app.json`), 0);
  return { ...record, launches: launchesIn(textOf(house, `${app}.launches.json`)) };
}

const pidsIn = (house: House): number[] =>
  recordIn(house).workers.map(({ identity }) => identity.pid);

async function pidsOf(house: House): Promise<(number | null)[]> {
  const { apps } = await house.overview();
  return apps.flatMap(({ workers }) => workers.map(({ pid }) => pid));
}

describe("the roster of a home", () => {
  // skip: only Linux shows the environment of a process
  it.runIf(process.platform === "linux")(
    "has every worker with what proves who it is, its addresses, and what it was started from",
    async () => {
      await using house = new House();
      const port = await freePort();
      const app = { name: "api", script: fixture("puppet.mjs"), instances: 2, minUptime: 100 };
      const env = { PORT: String(port), SECRET: "s3cret" };
      const file = house.file("apps.json", { ...app, env, sticky: "cookie" });
      await house.ok(["start", file]);

      const [record, pids] = [recordIn(house), await pidsOf(house)];
      expect(pidsIn(house)).toEqual(pids);
      expect(record).toMatchObject({
        name: "api",
        hasServed: true,
        app: { status: "running", size: 2 },
      });
      expect(record.app.workers.map(({ id }) => id)).toEqual(
        record.workers.map(({ identity }) => identity.worker),
      );
      expect(record.launches).toMatchObject([
        [1, { script: app.script, env: { SECRET: "s3cret" } }],
      ]);
      const ids = record.app.workers.map(({ id }) => id);
      expect(record.listeners).toMatchObject([{ sockname: { port } }]);
      expect(record.listeners[0]?.openBy.slice().sort()).toEqual(ids);
      for (const { identity, busToken, sticky, hasListened } of record.workers) {
        expect(identity.startTicks).toBe(startTicks(identity.pid));
        expect(hasListened).toBe(true);
        const environment = readFileSync(`/proc/${identity.pid}/environ`, "latin1");
        const own = /HOLDFAST_AGENT=([^\0]*)/.exec(environment)?.[1] ?? "{}";
        const { bus, home, sticky: peer } = JSON.parse(own);
        expect({ token: identity.token, busToken }).toEqual({
          token: home.token,
          busToken: bus.token,
        });
        expect(sticky).toEqual({ tag: peer.tag, path: peer.path, wantsLoads: false });
        const { marker } = supervisorIn(textOf(house, "supervisor.json"));
        expect(environment).toContain(`HOLDFAST_SUPERVISOR=${marker}\0`);
      }
    },
  );

  it("goes on with the next supervisor, who gives nobody an id that a worker had", async () => {
    await using house = new House();
    const app = { script: fixture("puppet.mjs"), instances: 1, minUptime: 100 };
    const apps = ["api", "old"].map(async (name) => {
      return { ...app, name, env: { PORT: String(await freePort()) } };
    });
    await house.ok(["start", house.file("apps.json", { apps: await Promise.all(apps) })]);
    await house.ok(["delete", "old"]);
    const [pids, own] = [pidsIn(house), supervisorIn(textOf(house, "supervisor.json"))];
    expect(own).toMatchObject({ takeovers: 0, nextWorkerId: 2_000_001 });
    process.kill(own.pid, "SIGKILL");
    await until(
      async () => supervisorIn(textOf(house, "supervisor.json")).pid !== own.pid && pidsOf(house),
      { what: "the next supervisor" },
    );
    const next = supervisorIn(textOf(house, "supervisor.json"));
    expect(next).toMatchObject({ takeovers: 1, marker: own.marker, nextWorkerId: 2_000_001 });
    expect(await pidsOf(house)).toEqual(pids);
    expect(pidsIn(house)).toEqual(pids);

    const more = { ...app, name: "more", env: { PORT: String(await freePort()) } };
    await house.ok(["start", house.file("more.json", more)]);
    expect(recordIn(house, "more").app.workers[0]?.id).toBeGreaterThanOrEqual(2_000_001);
    await house.ok(["reload", "api"]);
    expect(recordIn(house).app.workers.map(({ id }) => id)).toEqual([2]);
  });

  it("follows what becomes of them, and ends with them", async () => {
    await using house = new House();
    const port = await freePort();
    const app = { name: "api", script: fixture("puppet.mjs"), instances: 2, minUptime: 100 };
    await house.ok(["start", house.file("apps.json", { ...app, env: { PORT: String(port) } })]);
    const first = pidsIn(house);

    await house.ok(["reload", "api"]);
    expect(pidsIn(house)).toEqual(await pidsOf(house));
    expect(pidsIn(house)).not.toEqual(first);
    expect(recordIn(house).app).toMatchObject({ stable: 2, reload: null, nextWorkerId: 5 });

    const [one = 0, other = 0] = pidsIn(house);
    process.kill(one, "SIGKILL");
    await until(
      () => {
        const { app, workers } = recordIn(house);
        const pids = workers.map(({ identity }) => identity.pid);
        const isWhole = app.workers.filter(({ phase }) => phase === "ready").length === 2;
        return isWhole && !pids.includes(one) && pids.includes(other);
      },
      { what: "the worker's successor in the roster" },
    );

    await house.ok(["stop", "api"]);
    expect(readdirSync(join(house.home, "roster"))).toEqual(["supervisor.json"]);
    await house.ok(["start", "api"]);
    expect(pidsIn(house)).toEqual(await pidsOf(house));
    // No worker has an id that was another's.
    expect(recordIn(house).app.nextWorkerId).toBe(8);
    await house.ok(["shutdown"]);
    await until(() => !existsSync(join(house.home, "roster")), { what: "the roster to be gone" });
  });
});

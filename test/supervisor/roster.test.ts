/** The roster: what runs, on disk, as the next supervisor finds it, in whatever state it finds it. */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type App, newApp } from "../../src/core/app.ts";
import { newWorker } from "../../src/core/worker.ts";
import type { HoldfastError } from "../../src/errors.ts";
import type { Launch } from "../../src/supervisor/processes.ts";
import { filesOf } from "../../src/supervisor/roster/before.ts";
import type { AppRecord } from "../../src/supervisor/roster/records.ts";
import { type OpenedRoster, openRoster, type Roster } from "../../src/supervisor/roster/roster.ts";
import { type Home, homeAt } from "../../src/system/home.ts";
import { startTicks } from "../../src/system/proc.ts";
import { until } from "../support/until.ts";

let home: Home;
const open: Roster[] = [];
const faults: HoldfastError[] = [];

beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), "hf-roster-")), {});
});

afterEach(() => {
  for (const roster of open.splice(0)) roster.leave();
  faults.length = 0;
  rmSync(home.directory, { recursive: true, force: true });
});

/** A supervisor takes the home; those before it are as good as dead. */
function opened(marker = "one"): OpenedRoster {
  for (const roster of open.splice(0)) roster.leave();
  const fault = (error: HoldfastError) => void faults.push(error);
  const found = openRoster(home, { holdfastVersion: "1.2.3", marker, fault });
  open.push(found.roster);
  return found;
}

const launch: Launch = {
  ...{ script: "/srv/api.js", args: ["--x"], nodeArgs: [], cwd: "/srv", env: { SECRET: "s3cret" } },
  ...{ node: process.execPath, isClusterWorker: true, instanceVar: "NODE_APP_INSTANCE" },
  ...{ incrementVar: null, uid: null, gid: null },
};

const request = {
  ...{ key: "k", address: null, port: 0, addressType: 6, flags: 0, data: { keys: "dGlja2V0" } },
};

function recordOf(name: string, change: Partial<App> = {}, firstWorkerId = 1): AppRecord {
  const now = performance.now();
  const worker = newWorker({ id: firstWorkerId, slot: 0, generation: 1 }, now, 5000);
  const app: App = {
    ...newApp(1, firstWorkerId),
    ...{ status: "running", workers: [worker], nextWorkerId: firstWorkerId + 1 },
    ...change,
  };
  const identity = { app: name, worker: firstWorkerId, pid: 4242, startTicks: 99, token: "t0ken" };
  const sticky = { tag: "abcd", path: "/run/x/abcd", wantsLoads: false };
  return {
    ...{ name, app, hasServed: true, launches: [[1, launch]] },
    workers: [{ identity, busToken: "bus", sticky, hasListened: true }],
    listeners: [{ request, sockname: { port: 4000 }, shards: 2, openBy: [firstWorkerId] }],
  };
}

const pathOf = (name: string): string => join(home.roster, name);
const inodeOf = (name: string): number => statSync(pathOf(name)).ino;

describe("the roster", () => {
  it("gives the next supervisor what runs, by that one's clock, and goes on from the one before", () => {
    const first = opened("one");
    expect(first).toMatchObject({ before: null, notices: [] });
    const ticks = startTicks(process.pid);
    const own = { marker: "one", takeovers: 0, pid: process.pid, startTicks: ticks };
    expect(first.roster.supervisor).toMatchObject({ ...own, nextWorkerId: 1 });
    const apps = [recordOf("API"), recordOf("web", { size: 3 }, 1_000_001)];
    for (const record of apps) first.roster.write(record);

    // It was killed while it wrote.
    writeFileSync(pathOf("API.app.json.77.tmp"), "{");
    const { roster, before, notices } = opened("two");
    expect(readdirSync(home.roster).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(notices).toEqual([]);
    expect(before?.supervisor).toMatchObject({ ...own, holdfastVersion: "1.2.3" });
    expect(roster.supervisor).toMatchObject({ ...own, takeovers: 1 });
    for (const [index, record] of apps.entries()) {
      const [worker] = before?.apps[index]?.app.workers ?? [];
      const [was] = record.app.workers;
      // The clock is read once by each supervisor, to some microseconds.
      expect(worker?.deadline).toBeCloseTo(was?.deadline ?? 0, 0);
      const app = { ...before?.apps[index]?.app, workers: record.app.workers };
      expect({ ...before?.apps[index], app }).toEqual(record);
    }
    // It stays written down until it is known to be over.
    expect(opened("three").before?.apps).toHaveLength(2);
  });

  it("never gives an id of a worker twice, also where the app is not known any more", () => {
    const first = opened().roster;
    first.write(recordOf("api"));
    first.write(recordOf("web", {}, 1_000_001));
    first.forget("web");
    const next = opened();
    expect(next.before?.apps.map(({ name }) => name)).toEqual(["api"]);
    expect(next.before?.supervisor.nextWorkerId).toBe(2_000_001);
    // Should the supervisor's own file not have been written, the apps' say enough.
    const text = readFileSync(pathOf("supervisor.json"), "utf8");
    writeFileSync(pathOf("supervisor.json"), text.replace("2000001", "1"));
    expect(opened().before?.supervisor.nextWorkerId).toBe(1_000_001);
  });

  it("is for its owner alone, and names of apps are safe names of files", () => {
    const { roster } = opened();
    for (const name of ["api", "API", "..", "a.launches"]) roster.write(recordOf(name));
    expect(statSync(home.roster).mode & 0o777).toBe(0o700);
    const names = readdirSync(home.roster);
    expect(names).toHaveLength(9);
    for (const name of names) expect(statSync(pathOf(name)).mode & 0o777).toBe(0o600);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(9);
    expect(filesOf("..")).toEqual({ app: "...app.json", launches: "...launches.json" });
    expect(
      opened()
        .before?.apps.map(({ name }) => name)
        .sort(),
    ).toEqual(["..", "API", "a.launches", "api"].sort());
  });

  it("writes what differs only, and the environments apart from it", () => {
    const { roster } = opened();
    const record = recordOf("api");
    roster.write(record);
    const before = [inodeOf("api.app.json"), inodeOf("api.launches.json")];
    roster.write({ ...record, app: { ...record.app } });
    expect([inodeOf("api.app.json"), inodeOf("api.launches.json")]).toEqual(before);
    expect(readFileSync(pathOf("api.app.json"), "utf8")).not.toContain("s3cret");
    roster.write({ ...record, app: { ...record.app, size: 2 } });
    expect(inodeOf("api.app.json")).not.toBe(before[0]);
    expect(inodeOf("api.launches.json")).toBe(before[1]);
    roster.write({ ...record, launches: [...record.launches, [2, { ...launch, cwd: "/new" }]] });
    expect(inodeOf("api.launches.json")).not.toBe(before[1]);
    expect(readdirSync(home.roster).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("forgets an app, leaves all to a successor, and is gone at the orderly end", () => {
    const first = opened().roster;
    for (const name of ["api", "web"]) first.write(recordOf(name));
    first.forget("api");
    first.leave();
    first.write(recordOf("late"));
    first.forget("web");
    first.close();
    expect(readdirSync(home.roster).sort()).toEqual(
      ["supervisor.json", "web.app.json", "web.launches.json"].sort(),
    );
    const second = opened();
    expect(second.before?.apps.map(({ name }) => name)).toEqual(["web"]);
    second.roster.close();
    expect(existsSync(home.roster)).toBe(false);
    second.roster.write(recordOf("late"));
    expect(existsSync(home.roster)).toBe(false);
    expect(opened()).toMatchObject({ before: null, notices: [] });
  });
});

describe("a roster that cannot be written", () => {
  it("is HF_ROSTER_UNWRITABLE, once, and is written when it can be", async () => {
    // Nobody, root neither, makes a folder where a file is.
    writeFileSync(home.roster, "");
    const { roster } = opened();
    roster.write(recordOf("api"));
    roster.write(recordOf("api", { size: 7 }));
    expect(faults.map(({ code }) => code)).toEqual(["HF_ROSTER_UNWRITABLE"]);
    expect(faults[0]?.message).toContain(home.roster);
    rmSync(home.roster);
    await until(() => existsSync(pathOf("api.launches.json")), { what: "the roster" });
    expect(opened().before?.apps[0]?.app.size).toBe(7);

    rmSync(home.roster, { recursive: true });
    writeFileSync(home.roster, "");
    await until(() => faults.length === 2, { what: "the second fault" });
    rmSync(home.roster);
  });

  it("does not keep what could not be removed", async () => {
    const { roster } = opened();
    roster.write(recordOf("api"));
    const text = readFileSync(pathOf("api.app.json"), "utf8");
    // Nobody removes a folder as a file.
    rmSync(pathOf("api.app.json"));
    mkdirSync(pathOf("api.app.json"));
    roster.forget("api");
    expect(faults.map(({ code }) => code)).toEqual(["HF_ROSTER_UNWRITABLE"]);
    rmdirSync(pathOf("api.app.json"));
    writeFileSync(pathOf("api.app.json"), text);
    await until(() => !existsSync(pathOf("api.app.json")), { what: "the file to be gone" });
    expect(readdirSync(home.roster)).toEqual(["supervisor.json"]);
  });

  it("is written again where somebody has deleted it", async () => {
    const { roster } = opened();
    roster.write(recordOf("api"));
    rmSync(home.roster, { recursive: true });
    await until(() => existsSync(pathOf("api.launches.json")), { what: "the roster" });
    expect(opened().before?.apps[0]?.launches).toEqual([[1, launch]]);
  });
});

describe("a roster that cannot be read", () => {
  /** An app's file, changed. */
  function damaged(name: string, change: (text: string) => string): OpenedRoster {
    const { roster } = opened();
    roster.write(recordOf("api"));
    roster.write(recordOf("web", {}, 1_000_001));
    roster.leave();
    writeFileSync(pathOf(name), change(readFileSync(pathOf(name), "utf8")));
    return opened();
  }

  const damages: [string, (text: string) => string][] = [
    ["cut short", (text) => text.slice(0, text.length / 2)],
    ["empty", () => ""],
    ["another version's", (text) => text.replace('"version":1', '"version":2')],
    ["null", () => "null"],
    ["another app's", (text) => text.replace('"name":"api"', '"name":"ape"')],
    ["without a pid", (text) => text.replace('"pid":4242', '"pid":"4242"')],
    ["without shards", (text) => text.replace('"shards":2', '"shards":-1')],
    ["of another shape", (text) => text.replace('"phase":"starting"', '"phase":"flying"')],
  ];

  it.each(damages)("in the file of one app, which is %s, costs that app alone", (_, change) => {
    const { before, notices } = damaged("api.app.json", change);
    expect(before?.apps.map(({ name }) => name)).toEqual(["web"]);
    expect(notices).toEqual([
      expect.stringMatching(/^api\.app\.json .* is kept as .*\.unreadable\.$/),
    ]);
    expect(existsSync(pathOf("api.app.json.unreadable"))).toBe(true);
    expect(opened()).toMatchObject({ notices: [] });
  });

  it.each(damages.slice(0, 4))("in the launches, which are %s, costs them alone", (_, change) => {
    const { before, notices } = damaged("api.launches.json", change);
    expect(before?.apps.map(({ name, launches }) => [name, launches.length])).toEqual([
      ["api", 0],
      ["web", 1],
    ]);
    expect(notices).toHaveLength(1);
  });

  it.each([
    ...damages.slice(0, 4),
    ["without a boot", (text: string) => text.replace("bootId", "b")],
  ])("in the supervisor's own file, which is %s, is set aside as a whole", (_, change) => {
    const { before, notices, roster } = damaged("supervisor.json", change);
    expect(before).toBe(null);
    expect(notices).toEqual([expect.stringContaining(`is kept as ${home.roster}.unreadable`)]);
    expect(existsSync(join(`${home.roster}.unreadable`, "web.app.json"))).toBe(true);
    expect(readdirSync(home.roster)).toEqual(["supervisor.json"]);
    expect(roster.supervisor.takeovers).toBe(0);
  });

  it("for want of the supervisor's own file, or being no folder, keeps nobody from starting", () => {
    const { roster } = opened();
    roster.write(recordOf("api"));
    roster.leave();
    renameSync(pathOf("supervisor.json"), pathOf("else.json"));
    expect(opened()).toMatchObject({ before: null, notices: [expect.stringContaining("ENOENT")] });
    rmSync(home.roster, { recursive: true });
    writeFileSync(home.roster, "a file");
    expect(opened()).toMatchObject({ before: null });
  });

  it("keeps nobody from starting, whatever a byte of it has become", () => {
    const { roster } = opened();
    roster.write(recordOf("api"));
    const texts = new Map(
      readdirSync(home.roster).map((name) => [name, readFileSync(pathOf(name))]),
    );
    const spot = fc.tuple(fc.constantFrom(...texts.keys()), fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(spot, ([damagedName, at, byte]) => {
        for (const roster of open.splice(0)) roster.close();
        mkdirSync(home.roster, { recursive: true });
        for (const [name, text] of texts) {
          const bytes = Buffer.from(text);
          if (name === damagedName) bytes[at % bytes.length] = byte;
          writeFileSync(pathOf(name), bytes);
        }
        const { before } = opened();
        // A text may have become another one, and a number another number.
        for (const { app, workers } of before?.apps ?? []) {
          expect([app.workers.length, workers.length]).toEqual([1, 1]);
        }
      }),
      { numRuns: 300 },
    );
    expect(faults).toEqual([]);
  });

  it("as it is of another boot, is void, and so are its secrets", () => {
    const other = (text: string): string => text.replace(/"bootId":"[^"]*"/, '"bootId":"5c1d x"');
    const { before, notices } = damaged("supervisor.json", other);
    expect(before).toBe(null);
    expect(notices).toEqual([expect.stringContaining("ended with its machine")]);
    expect(readdirSync(home.roster)).toEqual(["supervisor.json"]);
    expect(opened()).toMatchObject({ before: { apps: [] }, notices: [] });
  });
});

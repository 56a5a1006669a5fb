/** The parts of sticky routing in the supervisor, each alone: folders, hand-overs, loads, and who could not be told. */

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StickyStats } from "../../src/core/stats.ts";
import { HandOver } from "../../src/supervisor/hand-over.ts";
import type { Handle } from "../../src/supervisor/node-internals.ts";
import { openPeerFolder, sweepRunFolder } from "../../src/supervisor/peer-folder.ts";
import { PeerLoads } from "../../src/supervisor/peer-loads.ts";
import { until } from "../support/until.ts";

const OURS = { uid: null, gid: null };
const isRoot = process.getuid?.() === 0;
let temp = "";

beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), "hf-pf-"));
});

afterEach(() => {
  rmSync(temp, { recursive: true, force: true });
});

describe("the folder of peers' sockets", () => {
  it("is in the run folder, which goes with it", () => {
    const run = join(temp, "home/run");
    const [one, two] = [openPeerFolder(run, OURS, temp), openPeerFolder(run, OURS, temp)];
    expect(dirname(one.path)).toBe(run);
    expect(statSync(run).mode & 0o777).toBe(0o700);
    expect(statSync(one.path).mode & 0o777).toBe(0o700);
    one.remove();
    expect(readdirSync(run)).toEqual([basename(two.path)]);
    two.remove();
    expect(existsSync(run)).toBe(false);
    expect(existsSync(temp)).toBe(true);
  });

  it("is elsewhere where the path of a socket in it would be too long", () => {
    const long = join(temp, "x".repeat(80));
    mkdirSync(long);
    const beside = openPeerFolder(join(long, "run"), OURS, temp);
    expect(dirname(beside.path)).toBe(temp);
    beside.remove();
    const inTmp = openPeerFolder(null, OURS, long);
    expect(dirname(inTmp.path)).toBe("/tmp");
    inTmp.remove();
    expect(existsSync(inTmp.path)).toBe(false);
  });

  // skip: only root may give a folder away
  it.runIf(isRoot)("is the workers' own where they run as another user", () => {
    chmodSync(temp, 0o711);
    const folder = openPeerFolder(join(temp, "home/run"), { uid: 65534, gid: 65534 }, temp);
    const { uid, gid, mode } = statSync(folder.path);
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 65534, gid: 65534, mode: 0o700 });
    const as = { uid: 65534, gid: 65534 };
    execFileSync("/bin/sh", ["-c", `: > "${folder.path}/mine"`], as);
    const other = { uid: 65533, gid: 65533, stdio: "ignore" } as const;
    expect(() => execFileSync("/bin/ls", [folder.path], other)).toThrow();
    folder.remove();
    expect(readdirSync(temp)).toEqual([]);
  });

  it("that cannot be made is HF_STICKY_FOLDER", () => {
    const nowhere = join(temp, "nowhere");
    expect(() => openPeerFolder(null, OURS, nowhere)).toThrow(
      expect.objectContaining({
        code: "HF_STICKY_FOLDER",
        message: expect.stringContaining(nowhere),
      }),
    );
  });

  it("of a dead supervisor is removed by the next one, and no other", async () => {
    const first = openPeerFolder(null, OURS, temp);
    const [prefix = "", , scope = ""] = basename(first.path).split("-");
    const dead = execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }).trim();
    const name = (pid: string | number, where: string) =>
      join(temp, `${prefix}-${pid}-${where}-abcdef`);
    const [left, live, elsewhere] = [name(dead, scope), name(1, scope), name(dead, "000000")];
    for (const folder of [left, live, elsewhere]) mkdirSync(folder);
    await leaveSocket(join(left, "tagx"));
    const used = join(temp, `${prefix}-${dead}-${scope}-ghijkl`);
    mkdirSync(used);
    const server = createServer().listen(join(used, "tagx"));
    const second = openPeerFolder(null, OURS, temp);
    await until(() => !existsSync(left), { what: "the dead one's folder to be gone" });
    expect(readdirSync(temp).sort()).toEqual(
      [first.path, second.path, live, elsewhere, used].map((path) => basename(path)).sort(),
    );
    expect(existsSync(join(used, "tagx"))).toBe(true);
    server.close();
  });

  it("is swept from the run folder of a home", async () => {
    const run = join(temp, "run");
    const { path } = openPeerFolder(run, OURS, temp);
    await leaveSocket(join(path, "tagx"));
    sweepRunFolder(run);
    expect(existsSync(run)).toBe(false);
  });
});

describe("a hand-over", () => {
  const good = { id: "a", to: 2, key: "k", head: "R0VU" };

  it.each([
    ["a number for an id", { ...good, id: 5 }],
    ["an endless id", { ...good, id: "x".repeat(129) }],
    ["no worker", { ...good, to: "2" }],
    ["half a worker", { ...good, to: 1.5 }],
    ["itself", { ...good, to: 1 }],
    ["no key", { ...good, key: {} }],
    ["a key nobody knows", { ...good, key: "odd" }],
    ["no head", { ...good, head: null }],
    ["an endless head", { ...good, head: "x".repeat(128 * 1024 + 1) }],
    ["a worker that is gone", { ...good, to: 3 }],
  ])("to %s closes the connection and is heard by nobody", (_what, message) => {
    const { handOver, given, connection } = desk();
    handOver.hear(1, message, connection());
    expect(given).toEqual([]);
    expect(connection.closed).toBe(1);
  });

  it("goes to its worker, and our copy is closed once it is sent", () => {
    const { handOver, given, connection } = desk();
    handOver.hear(1, good, connection());
    expect(given.map(({ message }) => message)).toEqual([
      { t: "handed", id: "a", key: "k", head: "R0VU" },
    ]);
    expect(connection.closed).toBe(0);
    given[0]?.sent();
    expect(connection.closed).toBe(1);
  });

  it("without a connection is nothing", () => {
    const { handOver, given } = desk();
    handOver.hear(1, good, undefined);
    expect(given).toEqual([]);
  });

  it("is one of 64 under way to a worker at most", () => {
    const { handOver, given, connection } = desk();
    for (let n = 0; n < 70; n++) handOver.hear(1, good, connection());
    expect(given).toHaveLength(64);
    expect(connection.closed).toBe(6);
    given[0]?.sent();
    handOver.hear(1, good, connection());
    expect(given).toHaveLength(65);
    handOver.hear(1, good, connection());
    expect(given).toHaveLength(65);
  });
});

describe("what sticky workers carry", () => {
  const beat = (active: unknown, idle: unknown, sessions: unknown = 0) => ({
    ...{ active, idle },
    sticky: { sessions, results: {} as StickyStats["results"] },
  });

  it("is the share of the time between two beats, and the open sessions", () => {
    const loads = new PeerLoads();
    expect(loads.hear(1, beat(1000, 0))).toBe(false);
    expect(loads.of(1)).toEqual({ sessions: 0, utilization: 0 });
    expect(loads.hear(1, beat(1300, 700, 7))).toBe(true);
    expect(loads.of(1)).toEqual({ sessions: 7, utilization: 0.3 });
    expect(loads.hear(1, beat(1601, 1400, 7))).toBe(false);
    loads.forget(1);
    expect(loads.of(1)).toEqual({ sessions: 0, utilization: 0 });
  });

  it("can be believed whatever a worker says", () => {
    const odd = fc.oneof(fc.anything(), fc.double(), fc.integer());
    fc.assert(
      fc.property(fc.array(fc.oneof(odd, fc.tuple(odd, odd, odd))), (said) => {
        const loads = new PeerLoads();
        for (const each of said) {
          loads.hear(1, Array.isArray(each) ? beat(each[0], each[1], each[2]) : each);
          const { sessions, utilization } = loads.of(1);
          expect(Number.isSafeInteger(sessions) && sessions >= 0).toBe(true);
          expect(utilization >= 0 && utilization <= 1).toBe(true);
        }
      }),
    );
  });
});

function desk() {
  const given: { readonly message: object; sent(): void }[] = [];
  const handOver = new HandOver({
    takes: (worker, key) => worker <= 2 && key === "k",
    give: (_worker, message, _connection, sent) => given.push({ message, sent }),
  });
  const connection = Object.assign(
    (): Handle => ({
      fd: 9,
      close() {
        connection.closed += 1;
      },
    }),
    { closed: 0 },
  );
  return { handOver, given, connection };
}

/** A socket whose owner has been killed. */
async function leaveSocket(path: string): Promise<void> {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  try {
    execFileSync(process.execPath, ["-e", script], { stdio: "ignore" });
  } catch {
    // Killed, as it should be.
  }
  expect(existsSync(path)).toBe(true);
}

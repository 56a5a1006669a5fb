/** Workers that run as another user cannot enter the home: they come back by a socket of their own. */

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isKept } from "../../src/agent/home/kept.ts";
import { openBusSocketAgain } from "../../src/supervisor/bus/socket.ts";
import { openPassage, passageAgain } from "../../src/supervisor/passage.ts";
import { openPeerFolder } from "../../src/supervisor/peer-folder.ts";
import { fixture, freePort } from "../support/holdfast.ts";
import { expectClean } from "../support/ledger.ts";
import { startFreshLoad } from "../support/load.ts";
import { isAlive } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { Orphanage } from "./orphans.ts";

const isRoot = process.getuid?.() === 0;
const STRANGER = 65_533;
const systemTemp = process.env.TMPDIR;
let temp = "";

beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), "hf-au-"));
  chmodSync(temp, 0o1777);
  process.env.TMPDIR = temp;
});

afterEach(() => {
  if (systemTemp === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = systemTemp;
  rmSync(temp, { recursive: true, force: true });
});

const folders = (): string[] => readdirSync(temp).filter((name) => name.startsWith("holdfast-"));

interface Place {
  readonly socket: string;
  readonly busPath: string;
}

/** What the roster says of the app's workers. */
function places(house: Orphanage): Place[] {
  const text = readFileSync(join(house.home, "roster/web.app.json"), "utf8");
  return (JSON.parse(text) as { workers: Place[] }).workers;
}

/** Two workers of the user nobody, on the bus. */
async function start(house: Orphanage, heir: boolean): Promise<{ port: number; pids: number[] }> {
  const port = await freePort();
  const app = {
    ...{ name: "web", script: fixture("apps/bus.mjs"), instances: 2, minUptime: 200 },
    ...{ uid: "nobody", cwd: "/", env: { PORT: port } },
  };
  const env = { TMPDIR: temp };
  await house.ok(["start", house.file("apps.json", { heir, apps: [app] })], { env });
  return { port, pids: await house.pids("web") };
}

/** Asks over the bus, from within a worker. */
async function sumBy(port: number): Promise<string> {
  const body = JSON.stringify({ call: "request", args: ["sum", { a: 1, b: 2 }] });
  return (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body })).text();
}

describe("workers of another user", () => {
  it.for([true, false])("go on under the next supervisor (heir: %s)", async (heir, context) => {
    context.skip(!isRoot, "only root may run workers as another user");
    await using house = new Orphanage();
    const { port, pids } = await start(house, heir);
    expect(pids).toHaveLength(2);
    const answer = await sumBy(port);
    const before = places(house);
    expect(new Set(before.map(({ socket }) => socket)).size).toBe(1);
    const { socket = "", busPath = "" } = before[0] ?? {};
    const { uid, mode } = lstatSync(socket);
    expect({ uid, mode: mode & 0o777 }).toEqual({ uid: 65_534, mode: 0o600 });
    expect(lstatSync(dirname(socket))).toMatchObject({ uid: 0, mode: 0o40711 });
    if (heir) {
      const isUp = async (): Promise<boolean> =>
        (await house.overview()).supervisor.heir.pid !== null;
      await until(isUp, { what: "an heir" });
      rmSync(dirname(socket), { recursive: true });
      await until(() => existsSync(socket), { what: "the deleted socket to be there again" });
    }
    const { ino, birthtimeMs } = lstatSync(dirname(socket));
    const load = startFreshLoad({ port, clients: 2 });
    await house.killSupervisor();
    if (!heir) {
      // Another home's supervisor sweeps, and leaves alone what these workers know.
      openPeerFolder(null, { uid: null, gid: null }, temp).remove();
      await house.ok(["start", "web"], { env: { TMPDIR: temp } });
    }
    await house.adopted(2);
    expect(await house.pids("web")).toEqual(pids);
    expect(places(house)).toEqual(before);
    expect(lstatSync(dirname(socket))).toMatchObject({ ino, birthtimeMs });
    const speaks = async (): Promise<boolean> => (await sumBy(port)) === answer;
    await until(speaks, { what: "the workers to be on the bus again" });
    expect([existsSync(socket), lstatSync(busPath).uid]).toEqual([true, 65_534]);
    await house.ok(["reload", "web"]);
    const reloaded = await house.pids("web");
    expect(reloaded.filter((pid) => pids.includes(pid))).toEqual([]);
    expectClean(await load.stop(), { minOk: 10 });
    expect(new Set(places(house).map((place) => place.socket))).toEqual(new Set([socket]));
    await house.ok(["stop", "web"]);
    expect(reloaded.filter(isAlive)).toEqual([]);
    await house.ok(["shutdown"]);
    await until(() => folders().length === 0, { what: "all folders to be gone" });
  });

  it("tell nobody who has taken the place while it was empty, and end with the takeover", async (context) => {
    context.skip(!isRoot, "only root may run workers as another user");
    await using house = new Orphanage();
    const { pids } = await start(house, false);
    const folder = dirname(places(house)[0]?.socket ?? "");
    await house.killSupervisor();
    renameSync(folder, join(temp, "away"));
    mkdirSync(folder);
    let callers = 0;
    const thief = createServer((socket) => {
      callers += 1;
      socket.destroy();
    }).listen(join(folder, "adopt.sock"));
    await until(() => thief.listening, { what: "the thief to listen" });
    chmodSync(join(folder, "adopt.sock"), 0o777);
    chownSync(folder, STRANGER, STRANGER);
    chmodSync(folder, 0o777);
    try {
      await house.run(["start", "web"], { env: { TMPDIR: temp } });
      await until(() => pids.every((pid) => !isAlive(pid)), {
        ...{ what: "the workers to be ended", timeoutMs: 30_000 },
      });
      await house.ok(["wait", "web", "--for", "ready"]);
      const [place] = places(house);
      expect(dirname(place?.socket ?? folder)).not.toBe(folder);
      expect(callers).toBe(0);
      expect(house.logs().map(({ msg }) => msg)).toContainEqual(
        expect.stringContaining("is not as it was made"),
      );
    } finally {
      thief.close();
    }
  });
});

describe("the folder of such a socket", () => {
  it("is had again as it was left, and made again where it is gone", () => {
    const { path, remove } = openPassage("/nowhere");
    passageAgain(path, "/nowhere");
    remove();
    expect(existsSync(path)).toBe(false);
    const again = passageAgain(path, "/nowhere");
    const keeper = process.getuid?.() ?? -1;
    const socket = join(path, "adopt.sock");
    expect(lstatSync(path).mode & 0o777).toBe(0o711);
    expect(isKept({ socket, keeper })).toBe(true);
    expect(isKept({ socket, keeper: keeper + 1 })).toBe(false);
    again.remove();
    expect(isKept({ socket, keeper })).toBe(false);
    expect(folders()).toEqual([]);
  });

  it("is not what somebody else has put there, for the bus neither", (context) => {
    const keeper = process.getuid?.() ?? -1;
    const { path, remove } = openPassage(null);
    remove();
    const owner = { uid: keeper + 1, gid: keeper + 1 };
    const events = { connected() {}, fault() {} };
    const refused = (): void => {
      expect(() => passageAgain(path, null)).toThrow("is not as it was made");
      expect(openBusSocketAgain(join(path, "bus.sock"), null, owner, events)).toBeNull();
      rmSync(path, { recursive: true });
    };
    mkdirSync(join(temp, "target"), { mode: 0o711 });
    symlinkSync(join(temp, "target"), path);
    expect(isKept({ socket: join(path, "adopt.sock"), keeper })).toBe(false);
    refused();
    mkdirSync(path);
    chmodSync(path, 0o777);
    expect(isKept({ socket: join(path, "adopt.sock"), keeper })).toBe(false);
    refused();
    expect(readdirSync(join(temp, "target"))).toEqual([]);
    context.skip(!isRoot, "only root may run workers as another user");
    mkdirSync(path, { mode: 0o711 });
    chownSync(path, STRANGER, STRANGER);
    refused();
  });

  it("is swept once its supervisor is dead and no worker knows it", async () => {
    const dead = execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }).trim();
    const { path } = openPassage(join(temp, "home"));
    const left = path.replace(`-${process.pid}-`, `-${dead}-`);
    renameSync(path, left);
    openPassage(null).remove();
    await until(() => !existsSync(left), { what: "it to be swept" });
  });
});

/** Where the bus is found: whose the socket is, who can open it, and that nothing of it is left. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createConnection, Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HoldfastError } from "../../src/errors.ts";
import { type BusSocket, openBusSocket } from "../../src/supervisor/bus/socket.ts";
import { sweepRunFolder } from "../../src/supervisor/peer-folder.ts";
import { until } from "../support/until.ts";

const OURS = { uid: null, gid: null };
const NOBODY = { uid: 65534, gid: 65534 };
const isRoot = process.getuid?.() === 0;
const systemTemp = process.env.TMPDIR;
const open: BusSocket[] = [];
const faults: HoldfastError[] = [];
let temp = "";
let connected = 0;

beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), "hf-bs-"));
  process.env.TMPDIR = temp;
  faults.length = 0;
  connected = 0;
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const socket of open.splice(0)) socket.close();
  if (systemTemp === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = systemTemp;
  rmSync(temp, { recursive: true, force: true });
});

function opened(run: string | null, owner = OURS as { uid: number | null; gid: number | null }) {
  const socket = openBusSocket(run, owner, {
    connected: (each) => {
      connected += 1;
      each.destroy();
    },
    fault: (error) => faults.push(error),
  });
  if (socket) open.push(socket);
  return socket as BusSocket;
}

/** Does something the moment a socket is there. */
function afterListen(act: (path: string) => void): void {
  const { listen } = Server.prototype;
  vi.spyOn(Server.prototype, "listen").mockImplementation(function (this: Server, ...args) {
    Reflect.apply(listen, this, args);
    act((args[0] as { path: string }).path);
    return this;
  });
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("the socket of the bus", () => {
  it("is in the run folder, for its owner alone, and goes with it", async () => {
    const run = join(temp, "home/run");
    const socket = opened(run);
    expect(socket.path).toBe(join(run, "bus.sock"));
    expect([modeOf(run), modeOf(socket.path)]).toEqual([0o700, 0o600]);
    const client = createConnection(socket.path);
    await once(client, "close");
    expect(connected).toBe(1);
    socket.close();
    expect(existsSync(run)).toBe(false);
    expect(faults).toEqual([]);
  });

  it("is in a folder of its own where there is no run folder, another has its place, or the path is too long", () => {
    const alone = opened(null);
    expect(dirname(dirname(alone.path))).toBe(temp);
    expect([modeOf(dirname(alone.path)), modeOf(alone.path)]).toEqual([0o700, 0o600]);
    const run = join(temp, "run");
    const first = opened(run);
    const second = opened(run);
    expect(dirname(dirname(second.path))).toBe(run);
    first.close();
    expect(existsSync(second.path)).toBe(true);
    const long = opened(join(temp, "x".repeat(90)));
    expect(dirname(dirname(long.path))).toBe(temp);
    for (const socket of [alone, second, long]) socket.close();
    expect(readdirSync(temp)).toEqual([]);
    expect(faults).toEqual([]);
  });

  // skip: only root may give a folder away
  it.runIf(isRoot)("is the workers' own where they run as another user", () => {
    chmodSync(temp, 0o711);
    const socket = opened(join(temp, "run"), NOBODY);
    const { uid, mode } = statSync(socket.path);
    expect({ uid, mode: mode & 0o777 }).toEqual({ uid: NOBODY.uid, mode: 0o600 });
    const dial = `require("net").connect(${JSON.stringify(socket.path)}).on("connect", process.exit)`;
    const program = [process.execPath, ["-e", dial]] as const;
    execFileSync(...program, { ...NOBODY, cwd: "/", stdio: "ignore" });
    const stranger = { uid: 65533, gid: 65533, cwd: "/", stdio: "ignore" } as const;
    expect(() => execFileSync(...program, stranger)).toThrow();
    socket.close();
    expect(readdirSync(temp)).toEqual([]);
  });

  it("that cannot be opened is a fault that says why", async () => {
    const nowhere = join(temp, "nowhere");
    process.env.TMPDIR = nowhere;
    writeFileSync(join(temp, "run"), "");
    expect(opened(null)).toBeNull();
    expect(faults[0]).toMatchObject({
      code: "HF_BUS_SOCKET",
      message: expect.stringContaining(nowhere),
    });
  });

  it("is for its owner alone from the first moment on, whatever the mask", () => {
    const modes: number[] = [];
    afterListen((path) => modes.push(modeOf(path)));
    const mask = process.umask(0);
    try {
      opened(join(temp, "run"));
      opened(null);
      expect(process.umask()).toBe(0);
    } finally {
      process.umask(mask);
    }
    expect(modes).toEqual([0o600, 0o600]);
  });

  it("that is taken away while it is opened is a fault, and leaves nothing", () => {
    afterListen((path) => rmSync(path));
    expect(opened(join(temp, "run"))).toBeNull();
    expect(opened(null)).toBeNull();
    expect(faults.map(({ code }) => code)).toEqual(["HF_BUS_SOCKET", "HF_BUS_SOCKET"]);
    expect(readdirSync(temp)).toEqual([]);
  });

  it("that a killed supervisor has left is swept from the run folder", async () => {
    const run = join(temp, "run");
    mkdirSync(run);
    const path = join(run, "bus.sock");
    const leave = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    expect(() => execFileSync(process.execPath, ["-e", leave])).toThrow();
    expect(existsSync(path)).toBe(true);
    sweepRunFolder(run);
    expect(existsSync(run)).toBe(false);
    const socket = opened(run);
    expect(socket.path).toBe(path);
    expect(socket.isThere()).toBe(true);
    rmSync(path);
    await until(() => !socket.isThere(), { what: "the socket to be missed" });
  });
});

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  commandOf,
  fdLimit,
  holderOfPath,
  holderOfPort,
  isAlive,
  oomKills,
  pidsWithEnvironment,
  processState,
  startTicks,
} from "../../src/system/proc.ts";

const isLinux = process.platform === "linux";
const NOBODY = 2 ** 30;

let children: ChildProcess[] = [];
let servers: Server[] = [];

beforeEach(() => {
  children = [];
  servers = [];
});

afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
});

async function idle(env: NodeJS.ProcessEnv = {}): Promise<ChildProcess & { pid: number }> {
  const script = 'setInterval(() => {}, 1000); process.stdout.write("up")';
  const child = spawn(process.execPath, ["-e", script, "a (b) c"], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  if (child.stdout) await once(child.stdout, "data");
  return child as ChildProcess & { pid: number };
}

async function listen(options: { host?: string; port?: number; path?: string }): Promise<Server> {
  const server = createServer();
  servers.push(server);
  server.listen(options);
  await once(server, "listening");
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

// skip: /proc is Linux's.
describe.runIf(isLinux)("a process that lives", () => {
  it("has a state, a start and a command", async () => {
    const { pid } = await idle();
    expect(processState(pid)).toMatch(/^[RS]$/);
    expect(startTicks(pid)).toBeGreaterThan(0);
    expect(startTicks(pid)).toBe(startTicks(pid));
    expect(startTicks(pid)).toBeGreaterThanOrEqual(startTicks(process.pid) ?? Infinity);
    expect(commandOf(pid)).toContain(process.execPath);
    expect(commandOf(pid)).toContain("a (b) c");
    expect(commandOf(pid)?.length).toBeLessThanOrEqual(200);
  });

  it("is T while it is stopped", async () => {
    const { pid } = await idle();
    process.kill(pid, "SIGSTOP");
    await vi.waitFor(() => expect(processState(pid)).toBe("T"));
    process.kill(pid, "SIGCONT");
    await vi.waitFor(() => expect(processState(pid)).toMatch(/^[RS]$/));
  });

  it("is read right when its name holds blanks and parentheses", async () => {
    const renamed =
      'process.title = "x) R (y"; setInterval(() => {}, 1000); process.stdout.write("up")';
    const child = spawn(process.execPath, ["-e", renamed, "room for the title"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    await once(child.stdout, "data");
    expect(processState(child.pid ?? NOBODY)).toMatch(/^[RS]$/);
    expect(startTicks(child.pid ?? NOBODY)).toBeGreaterThan(0);
  });

  it("is found by its environment, by name and value exactly", async () => {
    const value = `${process.pid}-${Math.random()}`;
    const first = await idle({ HOLDFAST_TEST_MARK: value });
    const second = await idle({ HOLDFAST_TEST_MARK: value });
    const longer = await idle({ HOLDFAST_TEST_MARK: `${value}0`, XHOLDFAST_TEST_MARK: value });
    const found = pidsWithEnvironment("HOLDFAST_TEST_MARK", value);
    expect(found).toEqual([first.pid, second.pid].sort((left, right) => left - right));
    expect(found).not.toContain(longer.pid);
    expect(pidsWithEnvironment("HOLDFAST_TEST_MARK", "")).toEqual([]);
  });
});

// skip: /proc is Linux's.
describe.runIf(isLinux)("the holder of an address", () => {
  const me = { pid: process.pid, command: expect.stringContaining("node") };

  it.each(["127.0.0.1", "0.0.0.0", "::1", "::", undefined])(
    "listening on %s is found",
    async (host) => {
      const port = portOf(await listen(host === undefined ? { port: 0 } : { host, port: 0 }));
      expect(holderOfPort(host ?? null, port)).toEqual(me);
      expect(holderOfPort(null, port)).toEqual(me);
      expect(holderOfPort("localhost", port)).toEqual(me);
    },
  );

  it("is nobody for another address, a free port, or a server that has closed", async () => {
    const server = await listen({ host: "127.0.0.1", port: 0 });
    const port = portOf(server);
    expect(holderOfPort("127.0.0.2", port)).toBeNull();
    servers = [];
    await new Promise((done) => server.close(done));
    expect(holderOfPort("127.0.0.1", port)).toBeNull();
  });

  it("is found for the path of a UNIX socket", async () => {
    const directory = mkdtempSync(join(tmpdir(), "holdfast-proc-"));
    const path = join(directory, "my app.sock");
    await listen({ path });
    expect(holderOfPath(path)).toEqual(me);
    expect(holderOfPath(`${path}x`)).toBeNull();
    rmSync(directory, { recursive: true, force: true });
  });
});

describe("a process that does not live", () => {
  it.each([NOBODY, -1, 1.5, Number.NaN])("%d is null everywhere", (pid) => {
    expect(processState(pid)).toBeNull();
    expect(startTicks(pid)).toBeNull();
    expect(commandOf(pid)).toBeNull();
  });
});

describe("this process", () => {
  it("has a limit of open files, and a count of kills, where the system tells", () => {
    const limit = fdLimit();
    if (isLinux) expect(limit).toBeGreaterThan(0);
    else expect(limit).toBeNull();
    const kills = oomKills();
    expect(kills === null || (Number.isInteger(kills) && kills >= 0)).toBe(true);
  });
});

// skip: only /proc tells of threads
describe.skipIf(!isLinux)("a process that is killed", () => {
  // Its main thread is a zombie as soon as it has ended, and the others end when they get to it.
  const program = `
    const { Worker } = require("node:worker_threads");
    const fill = "globalThis.kept = Buffer.alloc(3e7, 1); setInterval(() => {}, 1000)";
    for (let n = 0; n < 3; n++) new Worker(fill, { eval: true });
    const up = () => setTimeout(() => process.stdout.write("up"), 100);
    require("node:net").createServer().listen(process.argv[1], up);`;

  it("is alive as long as anybody could meet it at its sockets", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hf-proc-"));
    for (let n = 0; n < 8; n++) {
      const path = join(folder, `${n}.sock`);
      const child = spawn(process.execPath, ["-e", program, path], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      children.push(child);
      await once(child.stdout, "data");
      const { pid = 0 } = child;
      child.kill("SIGKILL");
      while (isAlive(pid));
      const socket = connect(path);
      const answer = await new Promise((resolve) => {
        socket.once("connect", () => resolve("connected"));
        socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      });
      socket.destroy();
      expect(answer).toBe("ECONNREFUSED");
    }
    rmSync(folder, { recursive: true });
  });
});

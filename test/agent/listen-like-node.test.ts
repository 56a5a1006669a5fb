/** Listening as it is under plain Node: errors, UNIX socket files, TLS sessions, cluster's own API. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { reload, stage, stop, workers } from "../promises/stage.ts";
import { fixture, freePort, projectRoot } from "../support/holdfast.ts";
import { Output } from "../support/output.ts";
import { expectNoLeftovers, killLeftovers, MARKER_VARIABLE } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { get, getJson, heard, servedBy } from "./served.ts";

const folder = mkdtempSync(join(tmpdir(), "hf-like-"));
const marker = `like-${process.pid}-${Date.now().toString(36)}`;
afterAll(() => {
  killLeftovers(marker);
  rmSync(folder, { recursive: true, force: true });
});
const host = "127.0.0.1";

describe("an app that listens finds what plain Node gives it", () => {
  it("when it fails: the same errors, and at the same time", async () => {
    const app = "apps/listen-errors.mjs";
    const attempts = (text: string) => text.split("\n").filter((line) => line.startsWith("att"));
    const surroundings = async () => ({
      ...{ PORT: String(await freePort()), ANOTHER_PORT: String(await freePort()) },
      FOLDER: mkdtempSync(join(folder, "errors-")),
    });
    const env = await surroundings();
    const plain = await promisify(execFile)(process.execPath, [fixture(app)], { env });
    expect(attempts(plain.stdout)).toHaveLength(18);

    const { run } = await stage(app, { instances: 1, env: await surroundings() });
    await run.waitForLine(/^attempt: over/);
    expect(attempts(run.stdout.join("\n"))).toEqual(attempts(plain.stdout));
    expect(run.stderr).toEqual([]);
    await stop(run);
  });

  it("when another process has the port: the error, and the next port serves", async () => {
    const other = net.createServer().listen(0, host);
    await once(other, "listening");
    const PORT = String((other.address() as net.AddressInfo).port);
    const port = await freePort();
    const env = { PORT, NEXT_PORT: String(port) };
    const { run } = await stage("apps/next-port.mjs", { env });
    const error = `next-port: EADDRINUSE bind ${host}:${PORT}`;
    expect(run.stdout.filter((line) => line === error)).toHaveLength(2);
    await until(async () => (await get({ port })).status === 200, { what: "the next port" });
    expect(run.logs.filter((log) => log.level === "error")).toEqual([]);
    expect(await reload(run, 1)).toBe("done");
    await stop(run);
    other.close();
  });

  it("when it does nothing about that: the run ends and names the port", async () => {
    const other = net.createServer().listen(0, host);
    await once(other, "listening");
    const PORT = String((other.address() as net.AddressInfo).port);
    // It counts as ready, by its age, before it has tried.
    const env = { PORT, SAY_ONLY: "1", BOOT_MS: "800" };
    const { run } = await stage("apps/next-port.mjs", { env, ready: false });
    expect((await run.exited).code).toBe(1);
    other.close();
    expect(run.stdout).toContain(`next-port: EADDRINUSE bind ${host}:${PORT}`);
    expect(run.stderr.join("\n")).toContain(`The address ${host}:${PORT} is in use by process `);
  });

  it("the rights of a UNIX socket file: readableAll and writableAll", async () => {
    const rights = [{}, { readableAll: true }, { writableAll: true, exclusive: true }];
    const both = { readableAll: true, writableAll: true };
    const servers = (name: string) =>
      [...rights, both].map((options, n) => ({
        ...{ name: `path${n}`, path: join(folder, `${name}${n}.sock`), only: "0" },
        ...options,
      }));
    const modes = (name: string) =>
      servers(name).map(({ path }) => (statSync(path).mode & 0o777).toString(8));
    const env = { PORT: "0", LISTEN: JSON.stringify(servers("plain")), NODE_APP_INSTANCE: "0" };
    const plain = spawn(process.execPath, [fixture("apps/listeners.mjs")], { env });
    const output = new Output(plain, "plain node");
    await output.wait(() => output.findLine(/^listening path3/), "that it listens");
    const expected = modes("plain");
    plain.kill("SIGKILL");
    await output.exited;
    expect(new Set(expected).size).toBeGreaterThan(1);

    const LISTEN = JSON.stringify(servers("held"));
    const { run } = await stage("apps/listeners.mjs", { env: { LISTEN }, instances: 1 });
    await heard(run, "listening", "path3", 1);
    expect(modes("held")).toEqual(expected);
    for (const { path } of servers("held")) await servedBy({ path }, 1);
    await stop(run);
  });

  it("a UNIX socket file: a dead process's is replaced, a living one's is an error", async () => {
    const path = join(folder, "stale.sock");
    await leaveStale(path);
    expect(existsSync(path)).toBe(true);
    const LISTEN = JSON.stringify([{ name: "path", path }]);
    const { run } = await stage("apps/listeners.mjs", { env: { LISTEN } });
    await servedBy({ path }, 2);

    const second = await stage("apps/listeners.mjs", { env: { LISTEN }, ready: false });
    expect((await second.run.exited).code).toBe(1);
    const complaint = second.run.stderr.join("\n");
    expect(complaint).toContain(`The address ${path} is in use by process `);
    expect(complaint).toContain("code: HF_PORT_IN_USE");
    await servedBy({ path }, 2);
    await stop(run);
    expect(existsSync(path)).toBe(false);
  });

  it("but a file that is no socket is never replaced", async () => {
    const LISTEN = JSON.stringify([{ name: "path", path: fixture("apps/listeners.mjs") }]);
    const { run } = await stage("apps/listeners.mjs", { env: { LISTEN }, ready: false });
    expect((await run.exited).code).toBe(1);
    expect(existsSync(fixture("apps/listeners.mjs"))).toBe(true);
  });

  it("a socket that systemd hands down: descriptor 3 is served by all workers", async () => {
    const server = net.createServer().listen(0, host);
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const LISTEN = JSON.stringify([{ name: "three", fd: 3 }]);
    const env = { PATH: process.env.PATH, LISTEN, LISTEN_FDS: "1", [MARKER_VARIABLE]: marker };
    const args = ["run", fixture("apps/listeners.mjs"), "-i", "2", "--min-uptime", "200ms"];
    const child = spawn(process.execPath, [join(projectRoot, "dist/bin/holdfast.cjs"), ...args], {
      ...{ env, stdio: ["ignore", "pipe", "inherit", fd] },
    });
    const output = new Output(child, "holdfast with a descriptor");
    server.close();
    await output.wait(
      () =>
        output.stdout.filter((line) => /^listening three/.test(line)).length > 1 ? 1 : undefined,
      "that both workers listen",
    );
    await servedBy({ port }, 2);
    child.kill("SIGTERM");
    expect(await output.exited).toEqual({ code: 0, signal: null });
    await expectNoLeftovers(marker);
  });

  it.each(["TLSv1.3", "TLSv1.2"])("%s: every worker resumes another's session", async (version) => {
    const port = await freePort();
    const LISTEN = JSON.stringify([{ name: "tls", port, host, tls: true }]);
    const { run } = await stage("apps/listeners.mjs", { env: { LISTEN, TLS_VERSION: version } });
    const first = await greet(port);
    expect(first.isReused).toBe(false);
    const resumeEverywhere = async () => {
      const pids = new Set<number>();
      for (let n = 0; n < 200 && pids.size < 2; n++) {
        const greetings = await Promise.all(
          Array.from({ length: 4 }, () => greet(port, first.session)),
        );
        expect(greetings.map(({ isReused }) => isReused)).not.toContain(false);
        for (const { pid } of greetings) pids.add(pid);
      }
      expect(pids.size).toBe(2);
    };
    await resumeEverywhere();
    expect(await reload(run, 1)).toBe("done");
    await resumeEverywhere();
    await stop(run);
  });

  it("an app that is a cluster of its own finds itself a worker, and forks nothing", async () => {
    const { run, port } = await stage("apps/cluster-aware.cjs");
    await servedBy({ port }, 2);
    const answer = await getJson<{ pid: number }>({ port });
    const [pid, id] = [expect.any(Number), expect.any(Number)];
    expect(answer).toEqual({
      ...{ pid, id, isWorker: true, isMaster: false, isConnected: true, isDead: false },
      ...{ sameProcess: true, connected: true, uniqueId: null, state: "listening", sent: true },
    });
    expect([...workers(run).values()]).toContain(answer.pid);
    expect(run.stdout.filter((line) => line.startsWith("primary"))).toEqual([]);
    expect(run.stdout.filter((line) => /^worker \d listens$/.test(line))).toHaveLength(2);
    await stop(run);
    // Its own SIGTERM handler left by worker.disconnect(), without having heard anything of ours.
    expect(run.stdout.filter((line) => /^worker \d heard \[\]$/.test(line))).toHaveLength(2);
    expect(run.logs.filter((log) => log.reason === "stop")).toHaveLength(2);
  });
});

/** A socket file whose process is gone. */
async function leaveStale(path: string): Promise<void> {
  const code = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  const child = spawn(process.execPath, ["-e", code], { stdio: "ignore" });
  await once(child, "exit");
}

interface Greeting {
  readonly pid: number;
  readonly isReused: boolean;
  readonly session: Buffer;
}

/** One request over TLS, with the session of an earlier one. */
async function greet(port: number, session?: Buffer): Promise<Greeting> {
  const socket = tls.connect({
    ...{ port, host, rejectUnauthorized: false },
    ...(session ? { session } : {}),
  });
  let ticket = session ?? Buffer.alloc(0);
  socket.on("session", (fresh) => {
    ticket = fresh;
  });
  await once(socket, "secureConnect");
  const isReused = socket.isSessionReused();
  socket.end("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  return { pid: Number(/"pid":(\d+)/.exec(text)?.[1]), isReused, session: ticket };
}

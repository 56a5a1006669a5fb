import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, it } from "vitest";
import {
  acceptQueues,
  maxFdsOf,
  openFdsOf,
  pageSize,
  readProcess,
  tablesOf,
} from "../../src/system/proc-metrics.ts";
import { until } from "../support/until.ts";

describe("where the sockets of an address are", () => {
  it.each([
    [[], []],
    [["/run/app.sock"], []],
    [["127.0.0.1:80", "0.0.0.0:81"], ["tcp"]],
    [["[::]:80"], ["tcp6"]],
    [["localhost:80"], ["tcp", "tcp6"]],
    [
      ["127.0.0.1:80", "[::1]:80"],
      ["tcp", "tcp6"],
    ],
  ])("%j: %j", (addresses, tables) => expect(tablesOf(addresses)).toEqual(tables));
});

const isLinux = process.platform === "linux";

// skip: there is no /proc elsewhere, and the readings are null
describe.skipIf(!isLinux)("what /proc tells of a process", () => {
  it("its memory, CPU time and files", () => {
    const { rss } = process.memoryUsage();
    const reading = readProcess(process.pid, pageSize() ?? 0);
    expect(Math.abs((reading?.residentBytes ?? 0) / rss - 1)).toBeLessThan(0.2);
    const { user, system } = process.cpuUsage();
    expect(reading?.cpuUserMs).toBeLessThanOrEqual(user / 1000 + 20);
    expect(reading?.cpuSystemMs).toBeLessThanOrEqual(system / 1000 + 20);
    expect((reading?.cpuUserMs ?? 0) + (reading?.cpuSystemMs ?? 0)).toBeGreaterThan(10);
    expect(openFdsOf(process.pid)).toBeGreaterThan(3);
    expect(maxFdsOf(process.pid)).toBeGreaterThan(openFdsOf(process.pid) ?? 0);
  });

  it("nothing of one that is gone", async () => {
    const child = spawn(process.execPath, ["-e", "0"]);
    await once(child, "exit");
    const pid = child.pid ?? 0;
    expect([readProcess(pid, 4096), openFdsOf(pid), maxFdsOf(pid)]).toEqual([null, null, null]);
  });

  it("connections that nobody accepts", async () => {
    // A process of its own that listens and then stands still.
    const code = `require("node:net").createServer().listen(0, "127.0.0.1", function () {
      require("node:fs").writeSync(1, String(this.address().port));
      for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
    const child = spawn(process.execPath, ["-e", code]);
    const [text] = await once(child.stdout, "data");
    const port = Number(text);
    expect((await acceptQueues())?.get(port)).toBe(0);
    // They are reset with the process.
    const sockets = Array.from({ length: 3 }, () =>
      connect(port, "127.0.0.1").on("error", () => {}),
    );
    await until(async () => (await acceptQueues())?.get(port) === 3, { what: "three to wait" });
    child.kill("SIGKILL");
    await once(child, "exit");
    for (const socket of sockets) socket.destroy();
  });

  it("the port of a server that accepts has an empty queue, on IPv6 too", async () => {
    const server = createServer().listen(0, "::");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    expect((await acceptQueues())?.get(port)).toBe(0);
    server.close();
  });
});

/** The supervisor's listening sockets, where workers ask for them at the same time. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Listeners } from "../../src/supervisor/listeners.ts";
import { areInTheWay } from "../../src/supervisor/shards.ts";
import { embed, puppet } from "./embedded.ts";

it("a dead process's socket file is replaced once, and not again for the second worker that asks", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hf-listeners-"));
  const path = join(folder, "app.sock");
  const code = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", code], { stdio: "ignore" }), "exit");
  const listeners = new Listeners({ attach: () => {}, detach: () => {}, giveBack: () => {} });
  try {
    const request = { key: path, address: path, port: -1, addressType: -1, flags: 0, data: null };
    const bound = await Promise.all([1, 2, 3].map((worker) => listeners.open(worker, request, 3)));
    expect(bound.map(({ errno }) => errno)).toEqual([0, 0, 0]);
    expect(existsSync(path)).toBe(true);
  } finally {
    listeners.closeAll();
    rmSync(folder, { recursive: true });
  }
});

it("of two apps on one address the second is told who has it", async () => {
  const first = await puppet({ name: "first", instances: 1 });
  const { supervisor } = embed(first, { ...first, name: "second" });
  await supervisor.start({ app: "first" });
  const failure: unknown = await supervisor.start({ app: "second" }).catch((error) => error);
  expect(failure).toMatchObject({ code: "HF_PORT_IN_USE" });
  expect(String(failure)).toContain(
    `The address 127.0.0.1:${first.port} is in use by "first", another app of this supervisor`,
  );
  expect((await fetch(`http://127.0.0.1:${first.port}/`)).status).toBe(200);
});

it("an address is in the way of the same one, and of every address of its port", () => {
  const at = (address: string | null, port: number) => ({
    ...{ key: "", address, port, addressType: port === -1 ? -1 : 4, flags: 0, data: null },
  });
  const isTaken = (address: string | null, port: number, byAddress: string | null, by: number) =>
    areInTheWay(at(address, port), { request: at(byAddress, by), sockname: { port: by } });
  expect(isTaken("127.0.0.1", 80, "127.0.0.1", 80)).toBe(true);
  expect(isTaken("127.0.0.1", 80, null, 80)).toBe(true);
  expect(isTaken("0.0.0.0", 80, "127.0.0.1", 80)).toBe(true);
  expect(isTaken("127.0.0.1", 80, "127.0.0.2", 80)).toBe(false);
  expect(isTaken("127.0.0.1", 80, "127.0.0.1", 81)).toBe(false);
  expect(isTaken("/a.sock", -1, "/a.sock", -1)).toBe(true);
  expect(isTaken("/a.sock", -1, "/b.sock", -1)).toBe(false);
  expect(isTaken("/a.sock", -1, null, 80)).toBe(false);
});

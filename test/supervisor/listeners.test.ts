/** The supervisor's listening sockets, where workers ask for them at the same time. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Listeners } from "../../src/supervisor/listeners.ts";

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

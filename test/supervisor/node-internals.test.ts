/** What Holdfast builds on below Node's documentation is looked for, and missed with a clear error. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { bindHandle, channelOf } from "../../src/supervisor/node-internals.ts";

describe("Node's internals", () => {
  it("bind an address without listening, and tell when it is taken", async () => {
    const handle = bindHandle("127.0.0.1", 0, 4, 0);
    if (typeof handle === "number") throw new Error(`errno ${handle}`);
    const name: { port?: number } = {};
    expect(handle.getsockname?.(name)).toBe(0);
    expect(name.port).toBeGreaterThan(0);
    handle.close();
    expect(bindHandle("192.0.2.1", 0, 4, 0)).toBeLessThan(0);
  });

  it("give the channel of a child with IPC", async () => {
    const child = spawn(process.execPath, ["-e", ""], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    expect(channelOf(child).onread).toBeTypeOf("function");
    await once(child, "exit");
  });

  it("are named when a Node does not have them (HF_INTERNALS_CHANGED)", async () => {
    const child = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
    expect(() => channelOf(child)).toThrow(
      expect.objectContaining({ code: "HF_INTERNALS_CHANGED" }),
    );
    await once(child, "exit");
  });
});

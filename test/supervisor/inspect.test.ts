/** A worker's debugger is asked, and not believed: what answers may be the app. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { inspect } from "../../src/supervisor/inspect.ts";
import { projectRoot } from "../support/holdfast.ts";

/** Says `text` to everything it hears by WebSocket; prints its port. */
const APP = `
  const { WebSocketServer } = require("ws");
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" }, () => console.log(server.address().port));
  server.on("connection", (socket) => socket.on("message", () => socket.send(process.argv[1])));
`;

async function pretender(text: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ["-e", APP, text], {
    cwd: projectRoot,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [port] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, url: `ws://127.0.0.1:${port}/x` };
}

describe("what pretends to be a debugger", () => {
  it.each([
    ["no JSON", "hello"],
    ["no message", "null"],
    ["no parameters", '{"method":"Debugger.scriptParsed","params":null}'],
  ])("is not believed: %s", async (_what, text) => {
    const { child, url } = await pretender(text);
    const { pid = 0 } = child;
    const open = (): void => {};
    expect(await inspect({ pid, url, lastLines: () => [], open })).toBeNull();
    child.kill();
    await once(child, "exit");
  });

  it("is not even asked where this process has the socket, too, or another", async () => {
    const { child, url } = await pretender("hello");
    const asked = { url, lastLines: () => [], open: () => {} };
    expect(await inspect({ ...asked, pid: process.pid })).toBeNull();
    child.kill();
    await once(child, "exit");
  });
});

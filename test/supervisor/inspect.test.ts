/** A worker's debugger is asked, and not believed: what answers may be the app. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { inspect } from "../../src/supervisor/inspect.ts";
import { projectRoot } from "../support/holdfast.ts";
import { until } from "../support/until.ts";

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

describe("a stack", () => {
  it("that is deep inside Node goes on to the app's own calls", async () => {
    const script = `
      let deep = Array.from({ length: 1000 }, (_, each) => ({ each }));
      for (let depth = 0; depth < 20; depth += 1) deep = { deep };
      function report() { for (;;) require("util").inspect(deep, { depth: null, maxArrayLength: null }); }
      report();
    `;
    const child = spawn(process.execPath, ["--inspect=127.0.0.1:0", "--eval", script], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    try {
      const lines: string[] = [];
      const reader = createInterface({ input: child.stderr });
      reader.on("line", (line) => lines.push(line));
      const [first] = (await once(reader, "line")) as [string];
      const url = first.replace(/^.* /, "");
      const { pid = 0 } = child;
      const calls = await until(
        async () => {
          const found = await inspect({ pid, url, lastLines: () => lines, open: () => {} });
          const stack = found?.stack.split("\n") ?? [];
          return stack.length > 30 && stack;
        },
        { what: "it to be deep inside" },
      );
      const ofApp = calls.findIndex((call) => call.startsWith("at report ("));
      expect(ofApp).toBeGreaterThan(30);
      expect(calls).toHaveLength(ofApp + 3);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });
});

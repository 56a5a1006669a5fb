import { mkdtempSync, rmSync, statSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { connectControl } from "../../src/link/control-client.ts";
import { encodeFrame, KIND } from "../../src/link/frames.ts";
import { type Request, serveControl } from "../../src/supervisor/control-server.ts";
import { withUnixPath } from "../../src/system/unix-path.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-control-"));
  path = join(folder, "control.sock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function using(answer: (request: Request) => Promise<unknown>) {
  const server = await serveControl(path, "1.2.3", answer);
  const client = await connectControl(path, "1.2.3");
  if (!client) throw new Error("nobody listens");
  return {
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close();
    },
  };
}

describe("the control socket", () => {
  it("belongs to its owner alone", async () => {
    await using both = await using(async () => null);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(both.client.supervisor).toMatchObject({ version: "1.2.3", pid: process.pid });
  });

  it("carries questions, events and answers, several at once", async () => {
    await using both = await using(async ({ verb, takes, event }) => {
      event("worker:ready", { verb });
      return { verb, takes };
    });
    const heard: unknown[] = [];
    const answers = await Promise.all([
      both.client.call("save", {}, { onEvent: (name, data) => heard.push([name, data]) }),
      both.client.call("stop", { targets: ["ä", "b"] }),
    ]);
    expect(answers).toEqual([
      { verb: "save", takes: {} },
      { verb: "stop", takes: { targets: ["ä", "b"] } },
    ]);
    expect(heard).toEqual([["worker:ready", { verb: "save" }]]);
  });

  it("carries errors with what to do, and faults of our own as such", async () => {
    await using both = await using(async ({ verb }) => {
      if (verb === "save") throw new HoldfastError("HF_APP_EXISTS", { app: "api" });
      throw new TypeError("undefined is not a function");
    });
    await expect(both.client.call("save", {})).rejects.toMatchObject({
      code: "HF_APP_EXISTS",
      exitStatus: 1,
      message: expect.stringContaining("api"),
      remedy: expect.stringContaining("name"),
    });
    await expect(both.client.call("shutdown", {})).rejects.toMatchObject({
      code: "HF_BUG",
      exitStatus: 70,
    });
  });

  it("is reached by paths longer than the kernel takes", async () => {
    if (process.platform !== "linux") return;
    const { mkdirSync } = await import("node:fs");
    const deep = join(folder, "x".repeat(120));
    mkdirSync(deep);
    path = join(deep, "control.sock");
    const server = await serveControl(path, "1", async () => ({ answered: true }));
    const client = await withUnixPath(path, (short) => connectControl(short, "1"));
    expect(await client?.call("save", {})).toEqual({ answered: true });
    client?.close();
    await server.close();
  });

  it("is nobody's when its file is missing, or left behind by the dead", async () => {
    expect(await connectControl(path, "1")).toBeNull();
    const gone = net.createServer().listen(path);
    await new Promise((resolve) => gone.once("listening", resolve));
    const { renameSync } = await import("node:fs");
    renameSync(path, `${path}.kept`);
    await new Promise((resolve) => gone.close(resolve));
    renameSync(`${path}.kept`, path);
    expect(await connectControl(path, "1")).toBeNull();
    const server = await serveControl(path, "1", async () => null);
    const client = await connectControl(path, "1");
    expect(client).not.toBeNull();
    client?.close();
    await server.close();
  });

  it("tells that the other end speaks another protocol, or nothing of the kind", async () => {
    let greeting = encodeFrame(KIND.hello, { protocol: 99, version: "9.0.0", pid: 4711 });
    const other = net.createServer(
      (socket) =>
        void socket
          .on("error", () => {})
          .resume()
          .write(greeting),
    );
    other.listen(path);
    await new Promise((resolve) => other.once("listening", resolve));
    await expect(connectControl(path, "1")).rejects.toMatchObject({
      code: "HF_PROTOCOL",
      message: expect.stringContaining("protocol 99"),
    });
    greeting = Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n");
    await expect(connectControl(path, "1")).rejects.toMatchObject({ code: "HF_PROTOCOL" });
    await new Promise((resolve) => other.close(resolve));
  });

  it("ends waiting at the deadline, on abort, and when the supervisor goes; and says so to it", async () => {
    const aborted: string[] = [];
    await using both = await using(
      ({ verb, signal }) =>
        new Promise(() => signal.addEventListener("abort", () => aborted.push(verb))),
    );
    await expect(both.client.call("save", {}, { timeoutMs: 20 })).rejects.toMatchObject({
      code: "HF_TIMEOUT",
      exitStatus: 5,
    });
    const stop = new AbortController();
    const waiting = both.client.call("stop", { targets: [] }, { signal: stop.signal });
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "HF_ABORTED", exitStatus: 130 });
    await expect.poll(() => aborted).toEqual(["save", "stop"]);
  });

  it("lets go of a client that stops reading instead of growing for it", async () => {
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const server = await serveControl(path, "1", async ({ event, signal }) => {
      signal.addEventListener("abort", () => end());
      const text = "x".repeat(64 * 1024);
      while (!signal.aborted) {
        event("worker:message", text);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const socket = net.connect(path);
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.write(encodeFrame(KIND.request, { id: 1, verb: "events", takes: {} }));
    socket.pause();
    await ended;
    socket.destroy();
    await server.close();
  });

  it("survives bytes that are no frames", async () => {
    await using both = await using(async () => "well");
    const socket = net.connect(path);
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume().write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await closed;
    expect(await both.client.call("save", {})).toBe("well");
  });
});

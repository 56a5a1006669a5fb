/** A server of HTTP/2 that takes HTTP/1.1, too: browsers open their WebSockets by that. */

import { once } from "node:events";
import http2 from "node:http2";
import { io } from "socket.io-client";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { reload, stage, stop, workers } from "../promises/stage.ts";
import { STICKY_COOKIE } from "../support/sticky/client.ts";
import { findTags } from "../support/sticky/stand.ts";
import { until } from "../support/until.ts";

/** By chance alone one of them in 16 has its three requests at the same of 4 workers. */
const CLIENTS = 12;
const env = { TLS: "h2" };
const flags = ["--sticky", "--drain-timeout", "5s"];
const open: { close(): void }[] = [];

afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

function socketTo(port: number, path: string, headers = {}): WebSocket {
  const options = { rejectUnauthorized: false, headers };
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, options);
  open.push(socket);
  return socket;
}

/** The answer to a request by HTTP/2, and the session, which stays. */
async function byHttp2(port: number, path: string): Promise<string> {
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on("error", () => {});
  open.push({ close: () => session.destroy() });
  let text = "";
  for await (const piece of session.request({ ":path": path }).end()) text += piece;
  return text;
}

/** All of so many clients, once all workers know of each other: the log is a moment ahead of their tables. */
async function allOf(client: (nth: number) => Promise<boolean>): Promise<void> {
  const batch = async (): Promise<boolean> => {
    const clients = Array.from({ length: CLIENTS }, (_, nth) => client(nth).catch(() => false));
    return (await Promise.all(clients)).every(Boolean);
  };
  await until(batch, { what: `${CLIENTS} clients that are served` });
}

describe("Socket.IO at a server of HTTP/2", () => {
  it.each<[string, string[]]>([
    ["that poll", ["polling"]],
    ["that go on to a WebSocket", ["polling", "websocket"]],
  ])("keeps its sessions by HTTP/1.1 %s", async (_what, transports) => {
    const { run, port } = await stage("apps/socketio.mjs", { instances: 4, flags, env });
    await allOf(async (nth) => {
      const options = { forceNew: true, reconnection: false, rejectUnauthorized: false };
      const socket = io(`https://127.0.0.1:${port}`, { ...options, transports });
      open.push(socket);
      await new Promise<void>((resolve, reject) => {
        socket.once("connect", resolve).once("connect_error", reject);
      });
      return (await socket.timeout(5000).emitWithAck("echo", nth)) === nth;
    });
    await stop(run);
  });

  it("finds a session begun by HTTP/2 when its WebSocket comes by HTTP/1.1", async () => {
    const { run, port } = await stage("apps/socketio.mjs", { instances: 4, flags, env });
    await allOf(async () => {
      const greeting = await byHttp2(port, "/socket.io/?EIO=4&transport=polling");
      const { sid } = JSON.parse(greeting.slice(1)) as { sid: string };
      const socket = socketTo(port, `/socket.io/?EIO=4&transport=websocket&sid=${sid}`);
      await once(socket, "open");
      socket.send("2probe");
      return String((await once(socket, "message"))[0]) === "3probe";
    });
    await stop(run);
  });
});

describe("a worker of HTTP/2 that leaves", () => {
  it("closes its WebSockets in order, wherever they are connected", async () => {
    const { run, port } = await stage("apps/witness.mjs", { instances: 3, flags, env });
    const tags = await findTags({ port, tls: true }, 3);
    const owner = tags.get(workers(run).get(0) ?? -1);
    const codes: number[] = [];
    for (let nth = 0; nth < CLIENTS; nth += 1) {
      const socket = socketTo(port, "/ws", { cookie: `${STICKY_COOKIE}=${owner}` });
      socket.on("close", (code) => codes.push(code));
      await once(socket, "open");
    }
    expect(await reload(run, 1)).toBe("done");
    await until(() => codes.length === CLIENTS, { what: "all to be closed" });
    expect(new Set(codes)).toEqual(new Set([1012]));
    await stop(run);
  });
});

/** What an app's servers emit passes through the agent unchanged, and the lives of connections are told right. */

import { once } from "node:events";
import net from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { connectionOf } from "../../src/agent/connection.ts";
import { Traffic } from "../../src/agent/traffic.ts";
import { meanLife } from "../../src/core/gate.ts";

type Server = Parameters<Traffic["watch"]>[0];

afterEach(() => {
  vi.useRealTimers();
});

/** A watched server that never listens: the test emits what it wants to see. */
function watched(): { server: net.Server; traffic: Traffic } {
  const server = net.createServer();
  const traffic = new Traffic(() => {});
  traffic.watch(server as Server);
  return { server, traffic };
}

describe("events that an app emits on its own server", () => {
  it("reach its listeners with all they carry", () => {
    const { server, traffic } = watched();
    const heard: unknown[][] = [];
    for (const name of ["connection", "request", "upgrade", "its own"])
      server.on(name, (...all: unknown[]) => heard.push([name, ...all]));
    const socket = new net.Socket();
    const events: [string, ...unknown[]][] = [
      ["connection", socket],
      ["connection", socket, "one"],
      ["connection", socket, undefined, "two", 3],
      ["request", {}, {}],
      ["request", {}, {}, "extra"],
      ["upgrade", {}, socket, Buffer.alloc(0), "more"],
      ["its own", 1, 2, 3, 4, 5],
      ["its own"],
    ];
    for (const [name, ...all] of events) expect(server.emit(name, ...all)).toBe(true);
    expect(heard).toEqual(events);
    expect(traffic.open).toBe(1);
    socket.destroy();
  });

  it.each([[{}], [undefined], [null], [{ headers: null }]])(
    "may be an upgrade whose request has no headers: %j",
    (request) => {
      const { server } = watched();
      const socket = new net.Socket();
      server.emit("connection", socket);
      expect(server.emit("upgrade", request, socket)).toBe(false);
      expect(connectionOf(socket).upgrade?.to).toBe("");
      socket.destroy();
    },
  );

  it("may be an upgrade that it hands on, wrapped, too: it counts once, until its socket closes", async () => {
    const { server, traffic } = watched();
    const socket = new net.Socket();
    const request = { headers: { upgrade: "WebSocket" } };
    server.emit("connection", socket);
    for (const each of [socket, socket, new Proxy(socket, {})])
      server.emit("upgrade", request, each);
    expect([traffic.upgraded, connectionOf(socket).upgrade?.to]).toEqual([1, "websocket"]);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.destroy();
    await closed;
    expect([traffic.upgraded, traffic.open]).toEqual([0, 0]);
  });

  it("may be a connection whose upgrade it does not want: what is asked for next on it is what counts", () => {
    const { server, traffic } = watched();
    const socket = new net.Socket();
    server.emit("connection", socket);
    server.emit("upgrade", { headers: { upgrade: "h2c" } }, socket);
    server.emit("connection", socket);
    expect([traffic.upgraded, connectionOf(socket).upgrade, traffic.open]).toEqual([0, null, 1]);
    server.emit("upgrade", { headers: { upgrade: "websocket" } }, socket);
    expect([traffic.upgraded, connectionOf(socket).upgrade?.to]).toEqual([1, "websocket"]);
    socket.destroy();
  });

  it("may be a request of HTTP/2's: its stream is no connection", () => {
    const { server, traffic } = watched();
    const socket = new net.Socket();
    server.emit("connection", socket);
    server.emit("upgrade", { headers: { upgrade: "websocket" }, httpVersionMajor: 2 }, socket);
    expect([traffic.upgraded, connectionOf(socket).upgrade]).toEqual([0, null]);
    socket.destroy();
  });

  it("may be a connection that has been lost: it is none", async () => {
    const { server, traffic } = watched();
    const socket = new net.Socket();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.destroy();
    server.emit("connection", socket);
    expect(traffic.open).toBe(0);
    await closed;
    server.emit("connection", socket);
    expect(traffic.open).toBe(0);
  });

  it("may be a connection of its own that connects again: each time counts by itself", async () => {
    const { server, traffic } = watched();
    const far = net.createServer((socket) => socket.end().resume()).listen(0, "127.0.0.1");
    await once(far, "listening");
    const socket = new net.Socket();
    for (let round = 1; round <= 12; round += 1) {
      const closed = once(socket, "close");
      socket.connect((far.address() as net.AddressInfo).port, "127.0.0.1");
      await once(socket, "connect");
      server.emit("connection", socket);
      server.emit("upgrade", { headers: { upgrade: "websocket" } }, socket);
      expect([traffic.open, traffic.upgraded]).toEqual([1, 1]);
      socket.resume().end();
      await closed;
      expect([traffic.open, traffic.upgraded]).toEqual([0, 0]);
    }
    expect(socket.listenerCount("close")).toBe(1);
    far.close();
  });
});

describe("the life of a connection", () => {
  it.each([1, 2, 3])("is right beyond the end of a 32-bit clock, for the time %i", async (nth) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { server, traffic } = watched();
    const start = Date.now();
    let mean = traffic.meanLifeMs;
    for (const offset of [-500, -1, 0]) {
      vi.setSystemTime(start + nth * 2 ** 31 + offset);
      const socket = new net.Socket();
      server.emit("connection", socket);
      vi.setSystemTime(start + nth * 2 ** 31 + offset + 1000);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.destroy();
      await closed;
      mean = meanLife(mean, 1000);
      expect(traffic.meanLifeMs).toBe(mean);
    }
  });
});

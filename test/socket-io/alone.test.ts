/** Without Holdfast around it, and with a bus that comes and goes. */

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { connect, createServer as createGate, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Server } from "socket.io";
import { describe, expect, it, vi } from "vitest";
import { connect as connectBus } from "../../src/bus/connect.ts";
import { createAdapter } from "../../src/socket.io.ts";
import { atEnd, serve } from "../bus/served.ts";
import { freePort } from "../support/holdfast.ts";
import { until } from "../support/until.ts";
import { Client } from "./stand.ts";

describe("without Holdfast", () => {
  it("it works in the one process, says so once, and lets it end", async () => {
    const port = await freePort();
    const app = fileURLToPath(new URL("app.mjs", import.meta.url));
    const child = spawn(process.execPath, [app], {
      env: { PATH: process.env.PATH, PORT: String(port) },
      stdio: ["ignore", "inherit", "pipe"],
    });
    atEnd(() => child.kill("SIGKILL"));
    let told = "";
    child.stderr.setEncoding("utf8").on("data", (chunk) => (told += chunk));
    const [a, b] = [
      await Client.to(`http://127.0.0.1:${port}`),
      await Client.to(`http://127.0.0.1:${port}`),
    ];
    await a.call("join", "room");
    await b.call("say", "room", "word", 1);
    await until(() => a.heard("word").length === 1, { what: "the word" });
    expect(await a.call("count")).toBe(1);
    expect(await a.call<unknown[]>("fetch")).toHaveLength(2);
    expect(await a.call("ask", "server-asks", "slot")).toEqual([]);
    const { id } = a.socket;
    a.socket.io.engine.close();
    await b.call("say", "room", "word", 2);
    await until(() => a.heard("word").length === 2, { what: "what it has missed" });
    expect([a.recoveries, a.socket.id]).toEqual([[false, true], id]);
    expect(told.match(/works in this process alone/g)).toHaveLength(1);
  });

  it("options that make no sense are refused at once", () => {
    for (const options of [
      { name: "" },
      { requestTimeout: "soon" },
      { maxPackets: 0 },
      { maxBytes: "1K" },
      { retries: 3 },
    ]) {
      expect(() => createAdapter(options as object)).toThrow(
        expect.objectContaining({ code: "HF_BUS_OPTION_INVALID" }),
      );
    }
  });
});

describe("with a bus that goes and comes again", () => {
  it("says again what was not passed on, and what was said meanwhile", async () => {
    const served = serve();
    const servers = await Promise.all([1, 2, 3].map(() => member(served)));
    await until(() => know(servers, 3), { what: "all" });
    const clients = await Promise.all(servers.map(({ url }) => Client.to(url)));
    let n = 0;
    const say = (): void => {
      n += 1;
      for (const { io } of servers) io.emit("number", n);
    };
    for (let round = 0; round < 5; round += 1) {
      for (let each = 0; each < 20; each += 1) say();
      await served.stop();
      for (let each = 0; each < 20; each += 1) say();
      served.start();
    }
    await until(() => clients.every((client) => client.heard("number").length >= 3 * n), {
      what: `${3 * n} numbers at all`,
    });
    for (const client of clients) {
      const expected = Array.from({ length: n }, (_, index) => [index + 1, index + 1, index + 1]);
      expect([...client.heard<number>("number")].sort((a, b) => a - b)).toEqual(expected.flat());
    }
  });
});

describe("a worker that comes to the next supervisor late", () => {
  it("is taken for gone, and is one of them again", async () => {
    const served = serve();
    const gate = await gateTo(served.path);
    const [early, late] = await Promise.all([member(served), member(served, 10_000, gate.path)]);
    const both = [early, late];
    await until(() => know(both, 2), { what: "both" });
    await Client.to(early.url);
    // It says and is told something: there are numbers to come back to.
    for (const { io } of both) expect(await io.fetchSockets()).toHaveLength(1);
    gate.shut();
    await served.stop();
    served.start();
    await until(() => know([early], 1), { what: "the late one to be taken for gone" });
    gate.open();
    await until(() => know([early], 2), { what: "the late one" });
    // Whom it has not heard of by then it would take for gone.
    await sleep(2500);
    expect(await know(both, 2)).toBe(true);
    for (const { io } of both) expect(await io.fetchSockets()).toHaveLength(1);
  });
});

describe("a server that is closed while it joins", () => {
  it("leaves nothing on the bus", async () => {
    const served = serve();
    const bus = await served.client();
    const gather = vi.spyOn(bus, "gather");
    const io = new Server(createServer(), { adapter: createAdapter({ bus, name: "shop" }) });
    await io.close();
    await until(() => gather.mock.settledResults.length > 0, { what: "the end of its joining" });
    const other = await served.client();
    await until(async () => (await other.gather("socketio.shop.who", null)).results.length === 0, {
      what: "nobody to answer",
      timeoutMs: 3000,
    });
  });
});

describe("a server that begins", () => {
  it("is heard by the others before it knows them", async () => {
    const served = serve();
    const { io } = await member(served);
    const words: unknown[] = [];
    io.on("word", (word: unknown) => words.push(word));
    const adapter = createAdapter({ bus: await served.client(), name: "shared.name" });
    const other = new Server(createServer(), { adapter });
    atEnd(() => other.close());
    other.serverSideEmit("word", 1);
    await until(() => words.length > 0, { what: "the word" });
    expect(words).toEqual([1]);
  });
});

describe("with a bus that is gone for longer", () => {
  it("goes on with its own clients, and tells the others later", async () => {
    const served = serve();
    const [a, b] = await Promise.all([member(served, 300), member(served, 300)]);
    const faults: Error[] = [];
    a.io.of("/").adapter.on("error", (error: Error) => faults.push(error));
    const [near, far] = [await Client.to(a.url), await Client.to(b.url)];
    a.io.emit("number", 1);
    await until(() => far.heard("number").length === 1, { what: "the first" });
    await served.stop();
    a.io.emit("number", 2);
    await until(() => near.heard("number").length === 2, { what: "the second, here" });
    a.io.emit("number", 3);
    await until(() => near.heard("number").length === 3, { what: "the third, here" });
    expect(near.heard("number")).toEqual([1, 2, 3]);
    expect(far.heard("number")).toEqual([1]);
    expect(faults[0]?.message).toMatch(/other workers cannot be reached/);
    served.start();
    await until(() => far.heard("number").length === 3, { what: "all, there" });
    a.io.emit("number", 4);
    for (const client of [near, far]) {
      await until(() => client.heard("number").length === 4, { what: "the last" });
      expect(client.heard("number")).toEqual([1, 2, 3, 4]);
    }
  });
});

/** Whether each of them knows so many. */
async function know(servers: readonly { readonly io: Server }[], count: number): Promise<boolean> {
  const counts = await Promise.all(servers.map(({ io }) => io.of("/").adapter.serverCount()));
  return counts.every((each) => each === count);
}

/** A way to the bus that can be shut. */
async function gateTo(target: string) {
  const path = `${target}.gate`;
  const sockets = new Set<Socket>();
  let isShut = false;
  const server = createGate((near) => {
    if (isShut) return void near.destroy();
    const far = connect(target);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => {}).on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  atEnd(() => server.close());
  return {
    path,
    shut(): void {
      isShut = true;
      for (const socket of sockets) socket.destroy();
    },
    open(): void {
      isShut = false;
    },
  };
}

async function member(
  served: ReturnType<typeof serve>,
  unreachableAfter = 10_000,
  path = served.path,
) {
  const httpServer = createServer();
  const bus = await connectBus(`unix:${path}`, { unreachableAfter });
  atEnd(() => bus.close({ timeout: 1 }));
  const io = new Server(httpServer, {
    connectionStateRecovery: {},
    adapter: createAdapter({ bus, name: "shared.name" }),
  });
  io.on("connection", (socket) => void socket.emit("welcome", { slot: 0, pid: process.pid }));
  await new Promise<void>((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
  atEnd(() => io.close());
  const address = httpServer.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return { io, url: `http://127.0.0.1:${port}` };
}

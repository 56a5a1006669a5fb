/** Clients that come back to a server, and may be held up on their way in. */

import { createServer } from "node:http";
import { Server } from "socket.io";
import { describe, expect, it } from "vitest";
import { createAdapter } from "../../src/socket.io.ts";
import type { HoldfastAdapter } from "../../src/socket-io/adapter.ts";
import { until } from "../support/until.ts";
import { atEnd, Client } from "./stand.ts";

/** What the client would show. */
function proof({ socket }: Client): { readonly pid: string; readonly offset: string } {
  const { _pid: pid, _lastOffset: offset } = socket as unknown as Record<string, string>;
  return { pid: String(pid), offset: String(offset) };
}

describe("a server", () => {
  /** In this process alone. */
  async function server(maxPackets = 1000, letIn: () => Promise<void> = async () => {}) {
    const httpServer = createServer();
    const io = new Server(httpServer, {
      connectionStateRecovery: { skipMiddlewares: false },
      cleanupEmptyChildNamespaces: true,
    });
    io.adapter(createAdapter({ maxPackets, bus: null as never }));
    for (const nsp of [io.of("/"), io.of(/^\/room-\d+$/)]) {
      nsp.use((_socket, next) => void letIn().then(() => next()));
      nsp.on("connection", (socket) => void socket.emit("welcome", {}));
    }
    await new Promise<void>((resolve) => void httpServer.listen(0, "127.0.0.1", resolve));
    atEnd(() => io.close());
    const address = httpServer.address();
    const port = typeof address === "object" && address ? address.port : 0;
    return { io, url: `http://127.0.0.1:${port}` };
  }

  it("ends text of volatile and local packets with a proof, so that the session survives", async () => {
    const { io, url } = await server();
    const client = await Client.to(url);
    for (const each of [io.volatile, io.local]) {
      each.emit("clock", "12:30");
      await until(() => client.heard("clock").length > 0, { what: "the clock" });
      const lost = client.recoveries.length;
      client.socket.io.engine.close();
      io.emit("word", lost);
      await until(() => client.heard("word").length === lost, { what: "what it has missed" });
      expect(client.recoveries.at(-1)).toBe(true);
      client.events.splice(0, client.events.length, ...client.events.filter(([e]) => e === "word"));
    }
    expect(client.heard("word")).toEqual([1, 2]);
  });

  it.each(["first", "last"])(
    "lets in who comes again, when the first try ends %s",
    async (when) => {
      const held: (() => void)[] = [];
      let isHeld = false;
      const hold = (): Promise<void> => new Promise((resolve) => void held.push(resolve));
      const { io, url } = await server(1000, async () => void (isHeld && (await hold())));
      io.once("connection", (socket) => void socket.join("room"));
      const client = await Client.to(url);
      const { id = "" } = client.socket;
      io.emit("word", 0);
      await until(() => client.heard("word").length === 1, { what: "the first word" });
      isHeld = true;
      for (const tries of [1, 2]) {
        client.socket.io.engine.close();
        await until(() => held.length === tries, { what: `try ${tries}` });
      }
      for (const end of when === "first" ? held : [...held].reverse()) {
        end();
        if (end === held[1]) {
          await until(() => client.recoveries.length === 2, { what: "it to be let in" });
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      io.to("room").emit("word", 1);
      await until(() => client.heard("word").length === 2, { what: "a word to its room" });
      expect([client.recoveries, client.socket.id]).toEqual([[false, true], id]);
      const there = (await io.fetchSockets()).map((socket) => [
        socket.id,
        [...socket.rooms].sort(),
      ]);
      expect(there).toEqual([[id, [id, "room"].sort()]]);
    },
  );

  it("lets in the last of two who show the same proof, and ends the other one", async () => {
    const held: (() => void)[] = [];
    let isHeld = false;
    const hold = (): Promise<void> => new Promise((resolve) => void held.push(resolve));
    const { io, url } = await server(1000, async () => void (isHeld && (await hold())));
    const first = await Client.to(url, { reconnection: false });
    const { id = "" } = first.socket;
    await until(() => first.welcomes.length === 1, { what: "a welcome" });
    const options = { auth: proof(first), reconnection: false };
    first.socket.io.engine.close();
    isHeld = true;
    const coming = [Client.to(url, options)];
    await until(() => held.length === 1, { what: "the one" });
    coming.push(Client.to(url, options));
    await until(() => held.length === 2, { what: "the other one" });
    for (const end of held) end();
    const [one, other] = await Promise.all(coming);
    expect(other?.socket.id).toBe(id);
    await until(() => one?.socket.disconnected === true, { what: "the one to be closed" });
    const there = [...io.of("/").sockets.values()];
    expect(there.map((socket) => [socket.id, socket.recovered])).toEqual([[id, true]]);
    expect([...io.of("/").adapter.sids.keys()]).toEqual([id]);
  });

  it("lets nobody in to a namespace that was given up meanwhile", async () => {
    const { io, url } = await server();
    const first = await Client.to(`${url}/room-1`, { reconnection: false });
    const second = await Client.to(`${url}/room-1`, { auth: proof(first) });
    await until(() => first.socket.disconnected, { what: "the first to be closed" });
    await until(
      () => {
        io.of("/room-1").emit("word", 1);
        return second.heard("word").length > 0;
      },
      { what: "a word to the second" },
    );
  });

  it("gives a session on whatever the app does about the end of its old connection", async () => {
    const { io, url } = await server();
    const told: unknown[] = [];
    io.of("/").adapter.on("error", (error) => void told.push(error.cause));
    const fault = new Error("the app's own");
    io.once("connection", (socket) => {
      socket.join("room");
      socket.once("disconnecting", () => {
        throw fault;
      });
    });
    const client = await Client.to(url, { reconnection: false });
    const { id = "" } = client.socket;
    const adapter = io.of("/").adapter as HoldfastAdapter;
    const session = adapter.handOver(proof(client).pid);
    expect(session?.joined.flatMap(([, rooms]) => rooms)).toEqual([id, "room"]);
    expect(told).toEqual([fault]);
    await until(() => client.socket.disconnected, { what: "the old connection to be closed" });
  });

  it("lets nobody in with a hole in what it has missed", async () => {
    let hold: Promise<void> | undefined;
    let release = (): void => {};
    let isHeld = false;
    const { io, url } = await server(10, async () => {
      isHeld = hold !== undefined;
      await hold;
    });
    const client = await Client.to(url);
    hold = new Promise((resolve) => {
      release = resolve;
    });
    client.socket.io.engine.close();
    await until(() => isHeld, { what: "it to come back" });
    for (let n = 1; n <= 50; n += 1) io.emit("number", n);
    hold = undefined;
    release();
    const isThere = (): boolean => client.socket.connected && !client.socket.recovered;
    await until(isThere, { what: "a new session" });
    await until(() => client.welcomes.length > 1, { what: "a welcome" });
    io.emit("last", 1);
    await until(() => client.heard("last").length === 1, { what: "the last word" });
    expect(client.heard("number")).toEqual([]);
  });
});

/** What a client is sent again when it comes back is what it was sent while its connection was dead, and nothing else. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { Server, type ServerOptions, type Socket } from "socket.io";
import { type Socket as ClientSocket, io as connectTo } from "socket.io-client";
import { expect, it } from "vitest";
import { createAdapter } from "../../src/socket.io.ts";
import { atEnd, type Served, serve } from "../bus/served.ts";
import { until } from "../support/until.ts";

/** The last that each server says. */
const LAST = [9001, 9002];

interface Adapter {
  flush(): Promise<void>;
  serverCount(): Promise<number>;
}

interface Member {
  readonly io: Server;
  readonly adapter: Adapter;
  readonly url: string;
}

async function member(
  served: Served,
  connectionStateRecovery: ServerOptions["connectionStateRecovery"],
): Promise<Member> {
  const http = createServer();
  const adapter = createAdapter({ bus: await served.client(), name: "shop" });
  const io = new Server(http, { connectionStateRecovery, adapter });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  atEnd(() => io.close());
  // After its session, so that it comes after all that was missed.
  io.on("connection", (socket) => void socket.emit("over"));
  const { port } = http.address() as AddressInfo;
  return {
    ...{ io, adapter: io.of("/").adapter as unknown as Adapter },
    url: `http://127.0.0.1:${port}`,
  };
}

/** Two servers on one bus that know each other. */
async function pair(
  recovery: ServerOptions["connectionStateRecovery"] = {} as never,
): Promise<readonly [Member, Member]> {
  const served = serve();
  const one = await member(served, recovery);
  const other = await member(served, recovery);
  await until(
    async () =>
      (await one.adapter.serverCount()) === 2 && (await other.adapter.serverCount()) === 2,
    { what: "the two to know each other" },
  );
  return [one, other];
}

/** A client of one of them, which has had something. */
class Visitor {
  readonly client: ClientSocket;
  readonly words: number[] = [];
  #overs = 0;

  constructor({ url }: Member) {
    const options = { transports: ["websocket"], forceNew: true, reconnectionDelay: 20 };
    this.client = connectTo(url, options);
    atEnd(() => this.client.close());
    this.client.on("word", (word: number) => void this.words.push(word));
    this.client.on("over", () => {
      this.#overs += 1;
    });
  }

  /** Resolves with its socket when it has been let in so often. */
  async isIn({ io }: Member, times = 1): Promise<Socket> {
    await until(() => this.#overs === times, { what: "the client to be let in" });
    return io.of("/").sockets.get(String(this.client.id)) as Socket;
  }

  comeBack(): void {
    this.client.io.engine.close();
  }
}

type Act = (io: Server, socket: Socket, other: Server) => unknown;

/** What a client is sent while its connection is dead, and what comes once it is back. */
async function scene(members: readonly [Member, Member], act: Act) {
  const [one, other] = members;
  const visitor = new Visitor(one);
  const socket = await visitor.isIn(one);
  const live: number[] = [];
  const note = ([text]: unknown[]): void => {
    const [, word] = /"word",(\d+)/.exec(String(text)) ?? [];
    if (word !== undefined) live.push(Number(word));
  };
  Object.assign((socket as unknown as { client: object }).client, { writeToEngine: note });
  await act(one.io, socket, other.io);
  one.io.emit("word", LAST[0]);
  other.io.emit("word", LAST[1]);
  await until(() => LAST.every((word) => live.includes(word)), { what: "all that was said" });
  socket.removeAllListeners();
  const sent = [...live];
  visitor.comeBack();
  await visitor.isIn(one, 2);
  const isSent = (word: number): boolean => !LAST.includes(word);
  const { recovered } = visitor.client;
  visitor.client.close();
  return { recovered, sent: sent.filter(isSent), again: visitor.words.filter(isSent) };
}

const CASES: readonly { name: string; act: Act; sent: readonly number[] }[] = [
  {
    name: "put into a room",
    act: (io, { id }) => {
      io.in(id).socketsJoin("r");
      io.to("r").emit("word", 1);
    },
    sent: [1],
  },
  {
    name: "put into a room by the other worker, while more waits",
    act: async (io, { id, rooms }, other) => {
      other.in(id).socketsJoin("r");
      for (let word = 1; !rooms.has("r"); word += 1) {
        io.to("r").emit("word", word);
        await new Promise(setImmediate);
      }
    },
    sent: [],
  },
  {
    name: "put into a room that it joins before that has come back",
    act: (io, socket) => {
      io.in(socket.id).socketsJoin("r");
      io.to("r").emit("word", 1);
      socket.join("r");
    },
    sent: [1],
  },
  {
    name: "in a room by itself, and put into it by the other worker before what waits",
    act: async (io, socket, other) => {
      other.in(socket.id).socketsJoin("q");
      other.in(socket.id).socketsJoin("r");
      for (let word = 1; !socket.rooms.has("q"); word += 1) {
        io.to("r").emit("word", word);
        if (word === 1) socket.join("r");
        await new Promise(setImmediate);
      }
    },
    sent: [],
  },
  {
    name: "spoken to by who hears that it joins",
    act: (io, socket) => {
      const { adapter } = io.of("/");
      adapter.once("create-room", (room) => io.to(room).emit("word", 1));
      adapter.once("join-room", (room) => io.to(room).emit("word", 2));
      socket.join("r");
      adapter.removeAllListeners();
    },
    sent: [1, 2],
  },
  {
    name: "in a room since something was said while something else was sent",
    act: (io, socket) => {
      const listen = (event: string): void => {
        if (event === "x") io.to("r").emit("word", 1);
      };
      socket.onAnyOutgoing(listen);
      socket.emit("x");
      socket.offAnyOutgoing(listen);
      socket.join("r");
      io.to("r").emit("word", 2);
    },
    sent: [2],
  },
];

it.each(CASES)("a client that is $name", async ({ act, sent }) => {
  const got = await scene(await pair(), act);
  expect(got).toEqual({ recovered: true, sent: got.sent, again: got.sent });
  if (sent.length > 0) expect(got.sent).toEqual(sent);
});

const step = fc.record({
  what: fc.constantFrom("self", "put", "put", "say", "say", "say", "direct", "all", "wait", "pass"),
  by: fc.constantFrom(0, 1),
  room: fc.constantFrom("a", "b", "c"),
});

it("whatever is done to a client and its rooms", { timeout: 120_000 }, async () => {
  const members = await pair();
  const rounds = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    let word = 0;
    const got = await scene(members, async (_io, socket) => {
      for (const { what, by, room } of steps) {
        const { io, adapter } = members[by] as Member;
        word += 1;
        if (what === "self") socket.join(room);
        else if (what === "put") io.in(socket.id).socketsJoin(room);
        else if (what === "say") io.to(room).emit("word", word);
        else if (what === "direct") socket.emit("word", word);
        else if (what === "all") io.emit("word", word);
        else if (what === "wait") await new Promise(setImmediate);
        else await adapter.flush();
      }
    });
    expect(got).toEqual({ recovered: true, sent: got.sent, again: got.sent });
  });
  await fc.assert(rounds, { numRuns: 40, endOnFailure: true });
});

it("what a client joins on its way back is new to it", async () => {
  const members = await pair({ maxDisconnectionDuration: 60_000, skipMiddlewares: false });
  const [one] = members;
  one.io.use((socket, next) => {
    if (socket.recovered) {
      one.io.to("r").emit("word", 1);
      void socket.join("r");
      setImmediate(() => one.io.to("r").emit("word", 2));
    }
    next();
  });
  const visitor = new Visitor(one);
  await visitor.isIn(one);
  visitor.comeBack();
  await visitor.isIn(one, 2);
  expect(visitor.client.recovered).toBe(true);
  one.io.emit("word", LAST[0]);
  await until(() => visitor.words.includes(LAST[0] as number), { what: "the last word" });
  expect(visitor.words).toEqual([2, LAST[0]]);
});

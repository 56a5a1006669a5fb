/** How sessions are taken, and what a client's word is good for. */

import { createServer } from "node:http";
import { Server } from "socket.io";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Ledger } from "../../src/core/socket-io/ledger.ts";
import { type SessionNews, Sessions } from "../../src/core/socket-io/sessions.ts";
import type { Entry } from "../../src/core/socket-io/terms.ts";
import { createAdapter } from "../../src/socket.io.ts";
import { Intake } from "../../src/socket-io/intake.ts";
import { Transfers } from "../../src/socket-io/transfers.ts";
import { until } from "../support/until.ts";
import { atEnd, Client } from "./stand.ts";

const NOTHING = new Uint8Array();

function entry(from: string, n: number, kind = "packet"): Entry {
  const meta = { nsp: "/", type: 2, rooms: [], except: [] };
  return { from, n, at: Date.now(), kind, meta, body: NOTHING };
}

/** What the client would show. */
function proof({ socket }: Client): { readonly pid: string; readonly offset: string } {
  const { _pid: pid, _lastOffset: offset } = socket as unknown as Record<string, string>;
  return { pid: String(pid), offset: String(offset) };
}

/** The member "me", whose claims come back at once; "other" is another one that lives. */
function member() {
  const ledger = new Ledger<Entry>({ keptMs: 60_000, maxPackets: 10, maxBytes: 1_000_000 });
  const sessions = new Sessions(10);
  const intake = new Intake("me", {
    ...{ apply: (each) => ledger.append(each), own: () => {}, ledger, isRepairing: () => false },
    ...{ repair: () => {}, lost: () => {}, isMember: (from) => from === "other" },
  });
  intake.goLive(null);
  const transfers: Transfers = new Transfers({
    ...{ me: "me", intake, ledger, sessions, whenSettled: async () => {}, nextNumber: () => 1 },
    ...{ isMember: (from) => from === "other", local: () => undefined },
    say: (kind, meta) =>
      transfers.heard({ from: "me", n: 1, at: Date.now(), kind, meta, body: NOTHING }),
  });
  const news = (over: Partial<SessionNews> = {}): SessionNews => ({
    ...{ nsp: "/", pid: "p", sid: "s", joined: [["", ["s"]]], data: {}, state: "left" },
    ...over,
  });
  return { ledger, sessions, intake, transfers, news };
}

describe("a member that is asked for a session", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("keeps of what the client names only members that it knows", async () => {
    const { intake, sessions, transfers, news } = member();
    intake.take(entry("other", 1));
    sessions.heard(news(), "other", Date.now());
    const invented = Array.from({ length: 1000 }, (_, index) => `x${index}:1`).join(",");
    const taking = transfers.take("/", "p", `hf=${invented},other:1`, 1000_000);
    await vi.advanceTimersByTimeAsync(5000);
    expect([...((await taking)?.had ?? [])]).toEqual([["other", 1]]);
  });

  it("takes text of the app's own for no proof, and nothing kept for one", async () => {
    const { sessions, transfers, news } = member();
    sessions.heard(news(), "other", Date.now());
    for (const text of ["12:30", "other:1", ""]) {
      const taking = transfers.take("/", "p", text, 1000_000);
      await vi.advanceTimersByTimeAsync(5000);
      expect(await taking).toBe(null);
    }
    expect((await transfers.take("/", "p", "hf=", 1000_000))?.session.sid).toBe("s");
  });

  it("refuses where something the client lacks had to go", async () => {
    const { intake, sessions, transfers, news } = member();
    for (let n = 1; n <= 12; n += 1) intake.take(entry("other", n));
    sessions.heard(news(), "other", Date.now());
    expect(await transfers.take("/", "p", "hf=other:1", 1000_000)).toBe(null);
    expect(await transfers.take("/", "p", "hf=other:2", 1000_000)).not.toBe(null);
  });

  it("goes on with what it knew, whatever a stuck owner tells later", async () => {
    const { sessions, transfers, news } = member();
    sessions.heard(news({ state: "on", data: 1 }), "other", Date.now());
    const taking = transfers.take("/", "p", "hf=", 1000_000);
    await vi.advanceTimersByTimeAsync(2000);
    const taken = await taking;
    const late = { ...news(), joined: [["", ["s", "left"]]] as const, data: 2 };
    sessions.heard(news({ state: "on", data: 3 }), "me", Date.now());
    sessions.moved(late, "other");
    expect(taken?.session).toMatchObject({ data: 3, joined: [["", ["s"]]] });
  });

  it("lets its client in with the rooms it was told of", async () => {
    const { sessions, transfers, news } = member();
    sessions.heard(news({ state: "on" }), "other", Date.now());
    const taking = transfers.take("/", "p", "hf=", 1000_000);
    await vi.advanceTimersByTimeAsync(2000);
    sessions.moved({ ...news(), joined: [["", ["s", "late"]]] }, "other");
    expect((await taking)?.joined).toEqual([["", ["s"]]]);
  });
});

describe("a member that is new", () => {
  it("knows what those who told it had to drop, and without them that it knows nothing", () => {
    const one = member();
    const dropped = [["other", 5, Date.now()]] as const;
    const intake = new Intake("me", {
      ...{ apply: () => {}, own: () => {}, ledger: one.ledger, isRepairing: () => false },
      ...{ repair: () => {}, lost: () => {}, isMember: () => true },
    });
    const positions = new Map([["other", 9]]);
    intake.goLive({ entries: [], sessions: [], positions, dropped });
    expect(one.ledger.hasAllAfter(new Map([["other", 4]]))).toBe(false);
    expect(one.ledger.hasAllAfter(new Map([["other", 5]]))).toBe(true);
    const { ledger } = member();
    const blind = new Intake("me", {
      ...{ apply: () => {}, own: () => {}, ledger, isRepairing: () => false },
      ...{ repair: () => {}, lost: () => {}, isMember: () => true },
    });
    blind.begin("other", 9);
    blind.begin("fresh", 1);
    blind.goLive(null);
    expect(ledger.dropped.map(([from, n]) => [from, n])).toEqual([["other", 9]]);
  });
});

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

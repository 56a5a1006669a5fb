/** Members that are no workers: nobody tells when they end. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { Server } from "socket.io";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createAdapter } from "../../src/socket.io.ts";
import { Asks } from "../../src/socket-io/asks.ts";
import { Doubts } from "../../src/socket-io/doubts.ts";
import { atEnd, serve } from "../bus/served.ts";
import { until } from "../support/until.ts";
import { Client } from "./stand.ts";

const PROGRAM = fileURLToPath(new URL("outside.mjs", import.meta.url));

/** A server of this process, and one of another program that is no worker. */
async function two() {
  const served = serve();
  const bus = await served.client();
  const io = new Server(createServer(), {
    connectionStateRecovery: {},
    adapter: createAdapter({ bus, name: "shared.name", requestTimeout: "20s" }),
  });
  atEnd(() => io.close());
  const child = spawn(process.execPath, [PROGRAM], {
    env: { PATH: process.env.PATH, BUS: served.path },
    stdio: ["ignore", "pipe", "inherit"],
  });
  atEnd(() => child.kill("SIGKILL"));
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  const url = `http://127.0.0.1:${port.toString().trim()}`;
  await until(async () => (await count(io)) === 2, { what: "both" });
  return { io, child, url, client: await Client.to(url, { reconnection: false }) };
}

function count(io: Server): Promise<number> {
  return io.of("/").adapter.serverCount();
}

describe("a program on the bus that is no worker", () => {
  it("is waited for once where it was killed", async () => {
    const { io, child, client } = await two();
    expect((await io.fetchSockets()).map(({ id }) => id)).toEqual([client.socket.id]);
    expect(await io.serverSideEmitWithAck("server-asks", "word")).toEqual(["word"]);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await Promise.all([io.fetchSockets(), io.of("/").adapter.sockets(new Set())])).toEqual([
      [],
      new Set(),
    ]);
    expect(await count(io)).toBe(1);
    const began = performance.now();
    expect(await io.fetchSockets()).toEqual([]);
    expect(await io.serverSideEmitWithAck("server-asks", "word")).toEqual([]);
    expect(performance.now() - began).toBeLessThan(500);
  });

  it("is one of them again where it was only frozen", async () => {
    const { io, child, client } = await two();
    child.kill("SIGSTOP");
    expect(await io.fetchSockets()).toEqual([]);
    expect(await count(io)).toBe(1);
    child.kill("SIGCONT");
    await until(async () => (await count(io)) === 2, { what: "it to be met again" });
    expect((await io.fetchSockets()).map(({ id }) => id)).toEqual([client.socket.id]);
    io.emit("word", 1);
    await until(() => client.heard("word").length === 1, { what: "a word to its client" });
  });
});

describe("one that owes an answer", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A member that asks others. */
  function member() {
    const asked: string[] = [];
    const gone: string[] = [];
    const ended: (readonly string[])[] = [];
    const doubts: Doubts = new Doubts({
      ask: (each) => void asked.push(each),
      gone: (each) => {
        gone.push(each);
        asks.gone(each);
      },
    });
    const asks = new Asks({
      ...{ me: "me", local: () => undefined, post: () => {} },
      doubt: (each) => doubts.about(each),
    });
    const ask = (timeoutMs: number, members = ["a", "b"]): number =>
      asks.begin({
        ...{ members, timeoutMs, heard: () => {} },
        ended: (missing) => void ended.push(missing),
      });
    return { asks, doubts, ask, asked, gone, ended };
  }

  it("is asked for a sign of life, and is gone without one", () => {
    const { asks, doubts, ask, asked, gone, ended } = member();
    asks.heard(ask(9000), "a", null, true);
    vi.advanceTimersByTime(600);
    expect(asked).toEqual(["b"]);
    vi.advanceTimersByTime(2000);
    expect([gone, ended]).toEqual([["b"], [[]]]);
    ask(9000);
    vi.advanceTimersByTime(600);
    doubts.settle("a");
    vi.advanceTimersByTime(3000);
    expect([gone, ended]).toEqual([["b", "b"], [[]]]);
    doubts.clear();
  });

  it("is asked as well where the time for the answer is short", () => {
    const { ask, asked, gone, ended } = member();
    ask(100, ["a"]);
    vi.advanceTimersByTime(100);
    expect([asked, ended]).toEqual([["a"], [["a"]]]);
    vi.advanceTimersByTime(2000);
    expect(gone).toEqual(["a"]);
  });

  it("is not asked anything where it owes nothing", () => {
    const { asks, ask, asked } = member();
    const id = ask(9000);
    for (const each of ["a", "b"]) asks.heard(id, each, null, true);
    vi.advanceTimersByTime(60_000);
    expect([asked, vi.getTimerCount()]).toEqual([[], 0]);
  });
});

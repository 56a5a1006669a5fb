/** A request that was forwarded is the same to the app, and its answer the same to the client, byte by byte. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fdCount, pssKb } from "../support/processes.ts";
import {
  type Conversation,
  type Outcome,
  Stand,
  type StandOptions,
} from "../support/sticky/stand.ts";
import { until } from "../support/until.ts";
import { CONVERSATIONS, EXPECTATIONS, head, last } from "./conversations.ts";

const MB = 1024 * 1024;
const BIG_MB = 100;
/** Buffers and what is not collected yet come to 20 to 75 MB; without back-pressure it is 170 to 200 (Node 20 to 26). */
const MAY_GROW_KB = 110 * 1024;

/** A stand for all tests of a describe. */
function standing(options: StandOptions = {}): () => Stand {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open(options);
  });
  afterAll(() => stand[Symbol.asyncDispose]());
  return () => stand;
}

function same({ bare, held }: { bare: Outcome; held: Outcome }): void {
  // Of the bare app every answer is of its only process.
  expect(held).toEqual(bare);
}

describe("a conversation is the same, bare and under Holdfast", () => {
  const stand = standing();
  describe.each(["wrong", "right"] as const)("on a connection to the %s worker", (landing) => {
    it.each(Object.entries(CONVERSATIONS))("%s", async (_name, conversation) =>
      same(await stand().both(conversation, landing)),
    );
  });
});

describe.each([
  ["by TLS", "1"],
  ["by HTTP/1.1 with a server of HTTP/2", "h2"],
])("%s, too", (_what, TLS) => {
  const stand = standing({ env: { TLS } });
  it.each(Object.entries(CONVERSATIONS))("%s", async (_name, conversation) =>
    same(await stand().both(conversation)),
  );
});

describe("an app that decides about Expect by itself", () => {
  const stand = standing({ env: { CHECKS: "1" } });
  it.each(Object.entries(EXPECTATIONS))("%s", async (_name, conversation) =>
    same(await stand().both(conversation)),
  );
});

describe("a hundred megabytes do not grow a worker", () => {
  const stand = standing({ instances: 2 });

  it("that reads them slowly", async () => {
    const watch = watchMemory([...stand().tags.keys()]);
    same(
      await stand().both(async (wire, talk) => {
        const fields = [`Content-Length: ${BIG_MB * MB}`];
        wire.send(head(talk, "POST /upload?wait=700", fields));
        await wire.sendAll(megabytes());
        await wire.response(30_000);
        await last(wire, talk);
        await talk.told(2);
      }),
    );
    expect(watch.stop()).toBeLessThan(MAY_GROW_KB);
  });

  it("in chunks", async () => {
    const watch = watchMemory([...stand().tags.keys()]);
    same(
      await stand().both(async (wire, talk) => {
        wire.send(head(talk, "POST /upload?wait=300", ["Transfer-Encoding: chunked"]));
        await wire.sendAll(inChunks());
        await wire.response(30_000);
        await last(wire, talk);
        await talk.told(2);
      }),
    );
    expect(watch.stop()).toBeLessThan(MAY_GROW_KB);
  });

  it("whose client reads slowly", async () => {
    const watch = watchMemory([...stand().tags.keys()]);
    same(
      await stand().both(async (wire, talk) => {
        wire.send(head(talk, `GET /big?mb=${BIG_MB}`, ["Connection: close"]));
        await wire.bytes(MB);
        wire.socket.pause();
        const since = performance.now();
        await until(() => performance.now() > since + 700, { what: "a client that does not read" });
        wire.socket.resume();
        await wire.over(30_000);
        await talk.told(1);
      }),
    );
    expect(watch.stop()).toBeLessThan(MAY_GROW_KB);
  });

  it("that does not read holds its clients back, however their first words were cut", async () => {
    const talk = {
      cookie: stand().cookie,
      id: "held-back",
      told: async () => [],
      closed: async () => {},
    };
    const held = await Promise.all(
      [0, 1, 1000, 16_000, 32_000, 50_000, 65_000, 66_000, 131_000].map(async (early) => {
        const wire = await stand().land("wrong");
        const line = "POST /upload?wait=1500";
        const beginning = head(talk, line, [`Content-Length: ${BIG_MB * MB}`]);
        wire.send(Buffer.concat([Buffer.from(beginning), Buffer.alloc(early)]));
        void wire.sendAll(megabytes());
        return wire;
      }),
    );
    const since = performance.now();
    await until(() => performance.now() > since + 1000, { what: "an app that does not read" });
    for (const wire of held) {
      // What is on its way: buffers of the system, of both workers' sockets.
      expect(wire.socket.bytesWritten - wire.socket.writableLength).toBeLessThan(20 * MB);
      wire.close();
    }
  });

  it("and their connections are gone behind them", async () => {
    const pids = [...stand().tags.keys()];
    const before = new Map(pids.map((pid) => [pid, fdCount(pid)]));
    for (let nth = 0; nth < 10; nth += 1) {
      await stand().both(CONVERSATIONS["a client that leaves in mid response"] as Conversation);
    }
    await until(() => [...before].every(([pid, fds]) => fdCount(pid) <= fds + 3), {
      what: "descriptors to be closed",
    });
  });
});

function* megabytes(): Generator<Buffer> {
  const piece = Buffer.alloc(MB, "0123456789abcdef");
  for (let count = 0; count < BIG_MB; count += 1) yield piece;
}

function* inChunks(): Generator<Buffer> {
  for (const piece of megabytes()) {
    yield Buffer.from(`${piece.length.toString(16)}\r\n`);
    yield piece;
    yield Buffer.from("\r\n");
  }
  yield Buffer.from("0\r\n\r\n");
}

/** The most by which one of these processes has grown, in kB. */
function watchMemory(pids: readonly number[]): { stop(): number } {
  const before = new Map(pids.map((pid) => [pid, pssKb(pid)]));
  let most = 0;
  const look = (): void => {
    for (const [pid, kb] of before) most = Math.max(most, pssKb(pid) - kb);
  };
  const timer = setInterval(look, 50);
  return {
    stop() {
      clearInterval(timer);
      return most;
    },
  };
}

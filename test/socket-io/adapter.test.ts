/** What Socket.IO asks of an adapter, over four workers. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { type Client, Stand } from "./stand.ts";

type Four = readonly [Client, Client, Client, Client];

/** One client on each worker. */
async function four(stand: Stand, path = "/"): Promise<Four> {
  const clients = (await stand.clients(path)) as unknown as Four;
  // Those of the test before are still being missed.
  await until(async () => (await clients[0].call<unknown[]>("fetch")).length === clients.length, {
    what: "nobody else to be there",
  });
  return clients;
}

/** Resolves when a last word of each, said to all after everything else, has come to all. */
async function settled(clients: readonly Client[]): Promise<void> {
  const words = clients.map(() => `settled ${Math.random()}`);
  await Promise.all(clients.map((client, index) => client.call("all", "settled", words[index])));
  await until(
    () => clients.every((client) => words.every((word) => client.heard("settled").includes(word))),
    { what: "the last words" },
  );
}

function heard(clients: readonly Client[], event: string): unknown {
  return clients.map((client) => client.heard(event));
}

describe.each([{ RECOVERY: "yes" }, { RECOVERY: "no" }])("with %o", (env) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open(4, env);
  });
  afterAll(() => stand.house[Symbol.asyncDispose]());

  it("rooms and broadcasts span workers, and each comes once", async () => {
    const clients = await four(stand);
    const [a, b, c] = clients;
    expect(await a.call("count")).toBe(4);
    await a.call("join", "one", "two");
    await b.call("join", "one");
    await c.call("join", "two");
    await c.call("to", "one", "room", 1);
    await b.call("to", ["one", "two"], "room", 2);
    await a.call("except", "two", "room", 3);
    await a.call("others", "room", 4);
    await a.call("local", "room", 5);
    await a.call("all", "room", 6);
    await a.call("leave", "two");
    await c.call("to", "two", "room", 8);
    await settled(clients);
    const sorted = clients.map((client) => [...client.heard<number>("room")].sort());
    expect(sorted).toEqual([
      [1, 2, 5, 6],
      [1, 2, 3, 4, 6],
      [2, 4, 6, 8],
      [3, 4, 6],
    ]);
    // It is for who can take it at once.
    await until(
      async () => {
        await b.call("volatile", "maybe", 7);
        return clients.every((client) => client.heard("maybe").includes(7));
      },
      { what: "a volatile packet at all" },
    );
  });

  it("what a worker does after a broadcast does not change whom that is for", async () => {
    const clients = await four(stand);
    const [a, b] = clients;
    await a.call("join", "one");
    await b.call("join", "one");
    await a.call("toAndLeave", "one", "room", 1);
    await a.call("toAndJoin", "one", "room", 2);
    await settled(clients);
    expect(heard(clients, "room")).toEqual([[1], [1, 2], [], []]);
    const found = await a.call<string[]>("putAndFind", "one", "three");
    expect([...found].sort()).toEqual([a.socket.id, b.socket.id].sort());
  });

  it("what is emitted is as it was then", async () => {
    const clients = await four(stand);
    const [a] = clients;
    a.socket.on("echo", (object: unknown, answer: (echoed: unknown) => void) => answer(object));
    expect(await a.call("changing", "object")).toEqual({ value: "as it was" });
    await settled(clients);
    const was = { value: "as it was" };
    expect(heard(clients, "object")).toEqual([[was, was], [was], [was], [was]]);
  });

  it("what many say at once comes to all in one order", async () => {
    const clients = await four(stand);
    const said = clients.flatMap((client, index) =>
      Array.from({ length: 100 }, (_, n) => client.call("all", "order", index * 1000 + n)),
    );
    await Promise.all(said);
    await settled(clients);
    const [first, ...others] = clients.map((client) => client.heard<number>("order"));
    expect(first?.length).toBe(400);
    for (const other of others) expect(other).toEqual(first);
  });

  it("sockets are found, moved and disconnected wherever they are", async () => {
    const clients = await four(stand);
    const [a, b, c, d] = clients;
    await b.call("set", { name: "b" });
    await b.call("join", "old");
    await c.call("join", "old");
    const all = await a.call<{ id: string }[]>("fetch");
    expect(all.map(({ id }) => id).sort()).toEqual(clients.map(({ socket }) => socket.id).sort());
    const inOld = await a.call<{ id: string; data: unknown; rooms: string[] }[]>("fetch", "old");
    expect(inOld.find(({ id }) => id === b.socket.id)).toEqual({
      ...{ id: b.socket.id, data: { name: "b" } },
      rooms: [b.socket.id, "old"].sort(),
    });
    expect(inOld.length).toBe(2);
    await c.call("spoil");
    const spoilt = await a.call<{ id: string; data: unknown }[]>("fetch", "old");
    expect(spoilt.map(({ data }) => data)).toEqual(
      spoilt.map(({ id }) => (id === c.socket.id ? null : { name: "b" })),
    );
    await d.call("joinAll", "old", "new");
    await d.call("leaveAll", "new", "old");
    await settled(clients);
    expect(await b.call("rooms")).toEqual(["new"]);
    expect(await c.call("rooms")).toEqual(["new"]);
    await d.call("disconnect", "new");
    await until(() => !b.socket.connected && !c.socket.connected, { what: "both to be gone" });
    expect(await a.call<unknown[]>("fetch")).toHaveLength(2);
  });

  it("servers talk to each other, and clients of all workers acknowledge", async () => {
    const clients = await four(stand);
    const [a] = clients;
    const answers = await a.call<string[]>("ask", "server-asks", "slot");
    const expected = ["slot 0", "slot 1", "slot 2", "slot 3"];
    expect([...answers].sort()).toEqual(expected.filter((each) => each !== `slot ${a.slot}`));
    await a.call("tell", "server-says", "word");
    await until(
      () => clients.slice(1).every((client) => client.heard("server-said").length === 1),
      {
        what: "what servers were told",
      },
    );
    expect(a.heard("server-said")).toEqual([]);
    for (const [index, { socket }] of clients.entries()) {
      socket.on("asked", (_word: string, answer: (value: number) => void) => answer(index));
    }
    expect((await a.call<number[]>("acks", "asked", "word")).sort()).toEqual([0, 1, 2, 3]);
    for (const { socket } of clients) socket.on("noted", (answer: () => void) => answer());
    expect(await a.call("acks", "noted")).toEqual([null, null, null, null]);
  });
});

describe("over workers", () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.open(4, { REQUEST_TIMEOUT: "30s" });
  });
  afterAll(() => stand.house[Symbol.asyncDispose]());

  it("bytes stay bytes, and packets may be long", async () => {
    const clients = await four(stand);
    const [a] = clients;
    await a.call("all", "bytes", Buffer.from([0, 1, 255]), { deep: [Buffer.from("deep")] });
    for (const bytes of [1_000_000, 3_000_000, 12_000_000]) await a.call("sized", "long", bytes);
    await settled(clients);
    for (const client of clients) {
      const [, first, second] = client.events.find(([name]) => name === "bytes") as unknown[];
      expect(Buffer.from(first as Uint8Array)).toEqual(Buffer.from([0, 1, 255]));
      const { deep } = second as { deep: Uint8Array[] };
      expect(Buffer.from(deep[0] as Uint8Array).toString()).toBe("deep");
      const long = client.heard<Uint8Array>("long").map(({ length }) => length);
      expect(long).toEqual([1_000_000, 3_000_000, 12_000_000]);
    }
    await expect(a.call("sized", "long", 80_000_000)).rejects.toThrow(/too large/);
  });

  it("namespaces are apart, and made where a client wants one", async () => {
    const main = (await stand.clients()) as unknown as Four;
    const other = await stand.clients("/other");
    const dynamic = [await stand.client("/room-7"), await stand.client("/room-8")] as const;
    await main[0].call("all", "word", "main");
    await other[0]?.call("all", "word", "other");
    await dynamic[0].call("all", "word", "seven");
    await settled(main);
    await settled(other);
    await settled([dynamic[0]]);
    expect(heard(main, "word")).toEqual([["main"], ["main"], ["main"], ["main"]]);
    expect(heard(other, "word")).toEqual([["other"], ["other"], ["other"], ["other"]]);
    expect(heard(dynamic, "word")).toEqual([["seven"], []]);
    // Three workers have no such namespace: none of them is waited for.
    expect(await dynamic[0].call<unknown[]>("fetch")).toHaveLength(1);
  });

  it("a client that polls is served as well", async () => {
    const polling = { transports: ["polling"] };
    const clients = await stand.clients("/", polling);
    await clients[0]?.call("all", "word", 1);
    await settled(clients);
    expect(heard(clients, "word")).toEqual([[1], [1], [1], [1]]);
  });

  it("the last word before a disconnect is heard", async () => {
    const clients = await four(stand);
    await clients[0].call("kick").catch(() => {});
    await until(() => !clients[0].socket.connected, { what: "the end" });
    expect(clients[0].heard("last")).toEqual(["word"]);
  });

  it("a worker that was stuck holds nobody up, and gets what it has missed", async () => {
    const [a, b, c] = await four(stand);
    const count = 45;
    process.kill(c.pid, "SIGSTOP");
    try {
      for (let n = 1; n <= count; n += 1) await a.call("all", "large", n, Buffer.alloc(1_000_000));
      await until(() => b.heard("large").length === count, {
        what: "all, at a worker that is well",
      });
    } finally {
      process.kill(c.pid, "SIGCONT");
    }
    await until(() => c.heard("large").length >= count, { what: "all, at the one that was stuck" });
    expect(c.heard("large")).toEqual(Array.from({ length: count }, (_, n) => n + 1));
  });

  it("who dies is not waited for", async () => {
    const [a, b] = await four(stand);
    const victim = b.pid;
    process.kill(victim, "SIGSTOP");
    const fetching = a.call<unknown[]>("fetch");
    const asking = a.call<unknown[]>("ask", "server-asks", "slot");
    await a.call("who");
    const began = performance.now();
    process.kill(victim, "SIGKILL");
    expect((await fetching).length).toBeGreaterThanOrEqual(3);
    expect(await asking).toHaveLength(2);
    expect(performance.now() - began).toBeLessThan(5000);
    await until(async () => (await stand.workers()).length === 4, { what: "the successor" });
  });
});

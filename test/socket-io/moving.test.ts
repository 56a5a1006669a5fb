/** Sessions that move while their last worker still has them, and that more than one wants. */

import { connect, createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import { until } from "../support/until.ts";
import { atEnd, Client, Stand } from "./stand.ts";

/** A way to the servers on which connections can go silent: the server hears nothing of it. */
async function passage(url: string) {
  const { hostname, port } = new URL(url);
  const inward = new Set<Socket>();
  const all = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    inward.add(near);
    for (const socket of [near, far]) {
      all.add(socket);
      socket.on("error", () => {}).on("close", () => all.delete(socket));
    }
    near.pipe(far, { end: false });
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.close();
    for (const socket of all) socket.destroy();
  });
  const address = server.address();
  const at = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${at}`,
    /** Clients lose their connections. */
    cut(): void {
      for (const socket of inward) socket.destroy();
      inward.clear();
    },
  };
}

/** What the client would show. */
function proof({ socket }: Client): { readonly pid: string; readonly offset: string } {
  const { _pid: pid, _lastOffset: offset } = socket as unknown as Record<string, string>;
  return { pid: String(pid), offset: String(offset) };
}

it("a client comes back while its last worker still believes in its old connection", async () => {
  const stand = await Stand.start();
  const [speaker] = await stand.clients();
  const way = await passage(stand.url);
  const client = await Client.to(way.url);
  const { id } = client.socket;
  const slots = new Set<number>();
  for (let round = 1; round <= 6; round += 1) {
    slots.add(client.slot);
    await client.call("join", `room ${round}`);
    await client.call("set", { round });
    way.cut();
    await speaker?.call("say", `room ${round}`, "number", round);
    await until(() => client.heard("number").length === round, { what: `number ${round}` });
    expect(await client.call("data")).toEqual({ round });
  }
  expect(client.recoveries).toEqual([false, true, true, true, true, true, true]);
  expect(client.socket.id).toBe(id);
  expect(client.heard("number")).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await client.call("rooms")).toHaveLength(6);
  const all = (await speaker?.call<{ id: string }[]>("fetch")) ?? [];
  expect(all.filter((socket) => socket.id === id)).toHaveLength(1);
});

it("of many who show the same proof at once, one gets the session", async () => {
  const stand = await Stand.start();
  const client = await Client.to(stand.url, { reconnection: false });
  await client.call("join", "room");
  await client.call("self", "greeting");
  const { id } = client.socket;
  client.socket.io.engine.close();
  const all = await Promise.all(
    Array.from({ length: 8 }, () =>
      Client.to(stand.url, { auth: proof(client), reconnection: false }),
    ),
  );
  const recovered = all.filter(({ welcomes }) => welcomes[0]?.recovered);
  expect(recovered.length).toBeGreaterThan(0);
  // One after the other may have had it: who comes later takes it from who came before.
  const alive = () => all.filter(({ socket }) => socket.id === id);
  await until(() => alive().length === 1, { what: "one of them to have it" });
  const [one] = alive();
  expect(await one?.call("rooms")).toEqual(["room"]);
  const sockets = (await one?.call<{ id: string }[]>("fetch")) ?? [];
  expect(sockets.filter((socket) => socket.id === id)).toHaveLength(1);
});

it("a proof that makes no sense is a new session", async () => {
  const stand = await Stand.start(2);
  const [first, second] = await stand.clients();
  await first?.call("self", "greeting");
  const { pid, offset } = proof(first as Client);
  for (const auth of [
    { pid: "nobody", offset },
    { pid, offset: "x" },
    { pid, offset: "" },
    { pid, offset: "hf=x" },
    { pid, offset: `hf=${"a:1,".repeat(9999)}` },
    { pid: { pid }, offset: [offset] },
  ]) {
    const client = await Client.to(stand.url, { auth });
    expect(client.socket.id).not.toBe(first?.socket.id);
  }
  expect(await second?.call<unknown[]>("fetch")).toHaveLength(8);
});

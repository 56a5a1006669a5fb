/** A connection that is on its way from one worker to another when the supervisor dies is served by one of them. */

import { once } from "node:events";
import { fchmodSync, fstatSync } from "node:fs";
import net from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SETTLES_WITHIN_MS, TAKEN } from "../../src/agent/claim.ts";
import type { Handle } from "../../src/supervisor/node-internals.ts";
import { until } from "../support/until.ts";
import { Adopter } from "./adopter.ts";
import { Alone } from "./alone.ts";

const APP = "apps/outlives.mjs";
/** On one connection: of two who read it, both would answer some. */
const REQUESTS = 40;

let next: Adopter;
beforeEach(() => {
  next = new Adopter();
});
afterEach(() => next[Symbol.asyncDispose]());

const serving = (): Promise<Alone> => Alone.serving(APP, { settings: { home: next.home } });

/** Who answers a request on the connection. */
async function ask(socket: net.Socket): Promise<number> {
  socket.write("GET /who HTTP/1.1\r\nhost: app\r\n\r\n");
  let text = "";
  while (!text.endsWith("0\r\n\r\n") && !/\r\n\r\n\d+$/.test(text)) {
    const [piece] = await once(socket, "data", { signal: AbortSignal.timeout(10_000) });
    text += piece;
  }
  return Number(/^(\d{2,})\r?$/m.exec(text)?.[1]);
}

interface Passed {
  readonly client: net.Socket;
  readonly handle: Handle;
  /** Under which the other worker knows the address. */
  readonly key: string;
  /** All that were opened. */
  readonly all: readonly net.Socket[];
}

/** A connection that the first worker passes on, because it has more than its share. */
async function passedOn(first: Alone, second: Alone): Promise<Passed> {
  const all: net.Socket[] = [];
  const connect = async (): Promise<net.Socket> => {
    const socket = net.connect(first.port, "127.0.0.1");
    all.push(socket);
    await once(socket, "connect");
    return socket;
  };
  for (let n = 0; n < 8; n++) await ask(await connect());
  const passed: Handle[] = [];
  first.onHandle = (message, handle) => {
    if (message.t === "pass") first.send({ t: "passed", id: message.id });
    passed.push(handle);
  };
  // It keeps what comes while it has waited too long for an answer.
  const pass = async (): Promise<Handle | undefined> => {
    first.send({ t: "loads", loads: { 1: 8, 2: 0 } });
    await heard(first);
    await connect();
    await heard(first);
    return passed[0];
  };
  const handle = await until(pass, { what: "a connection that is passed on" });
  const peer: { port?: number } = {};
  (handle as PeerHandle).getpeername(peer);
  const client = all.find(({ localPort }) => localPort === peer.port) as net.Socket;
  return { client, handle, key: String(second.told("listen")[0]?.request.key), all };
}

interface PeerHandle extends Handle {
  getpeername(out: { port?: number }): number;
}

/** All that was said to the worker before has been heard. */
async function heard(worker: Alone): Promise<void> {
  const answers = (): number => worker.told("accept").length + worker.told("refuse").length;
  const before = answers();
  worker.send({ t: "offer", offer: 1, key: "" });
  await until(() => answers() > before, { what: "an answer", intervalMs: 5 });
}

/** Who answers, for longer than a worker takes to find out whether a connection is its own. */
async function answering(client: net.Socket): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  const since = performance.now();
  for (let n = 0; n < REQUESTS || performance.now() < since + 3 * SETTLES_WITHIN_MS; n++) {
    found.add(await ask(client));
  }
  return found;
}

it("by the other one, which had got it before", async () => {
  await using first = await serving();
  await using second = await serving();
  const { key, client, handle, all } = await passedOn(first, second);
  second.send({ t: "take", key }, handle);
  expect(await ask(client)).toBe(second.child.pid);
  first.child.disconnect();
  expect(await answering(client)).toEqual(new Set([second.child.pid]));
  for (const socket of all) socket.destroy();
});

it("by the one that passed it on, when the other gets it only afterwards", async () => {
  await using first = await serving();
  await using second = await serving();
  const { key, client, handle, all } = await passedOn(first, second);
  first.child.disconnect();
  expect(await ask(client)).toBe(first.child.pid);
  second.send({ t: "take", key }, handle);
  await heard(second);
  expect(await answering(client)).toEqual(new Set([first.child.pid]));
  for (const socket of all) socket.destroy();
});

it("by the other one, when both look at the same time", async () => {
  await using first = await serving();
  await using second = await serving();
  const { client, handle, all } = await passedOn(first, second);
  const before = modeOf(handle);
  first.child.disconnect();
  await until(() => modeOf(handle) !== before, { what: "the first to keep it", intervalMs: 1 });
  // The other one, here this process, has looked before that and says so only now.
  fchmodSync(Number(handle.fd), TAKEN);
  const socket = new net.Socket({ handle } as never);
  socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n99"));
  expect(await answering(client)).toEqual(new Set([99]));
  for (const each of [socket, ...all]) each.destroy();
});

const modeOf = ({ fd }: Handle): number => fstatSync(Number(fd)).mode;

/** Who dials the adoption socket and is nobody's worker, or means harm. */

import { once } from "node:events";
import net from "node:net";
import { describe, expect, it } from "vitest";
import { isAlive } from "../../support/processes.ts";
import { until } from "../../support/until.ts";
import {
  FORGED_AGENT,
  FORGED_HANDLES,
  FORGED_LISTEN,
  FORGED_NODE,
  ODD_LINES,
} from "../forgeries.ts";
import { type Dialer, Ears, type Stage, stage } from "./stage.ts";

const FORGED = [FORGED_NODE, FORGED_AGENT, FORGED_LISTEN, FORGED_HANDLES].flat();

/** Adopts the dialer as worker 1 and dials with another hello; gives the reason it is refused for. */
async function refusal(
  scene: Stage,
  hello: (dialer: Dialer) => object,
): Promise<{ reason: unknown; dialer: Dialer; ears: Ears }> {
  const dialer = await scene.dialer();
  const ears = new Ears();
  scene.adoption.adopt(dialer.identity(), ears);
  dialer.order("dial", { path: scene.path, hello: hello(dialer) });
  const refused = (): unknown => dialer.heard().find(({ message }) => message.t === "refused");
  await until(refused, { what: "the refusal" });
  await dialer.tells({ closed: 0 });
  return { reason: dialer.heard()[0]?.message.reason, dialer, ears };
}

async function connected(path: string): Promise<net.Socket> {
  const socket = net.connect(path).on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  return socket;
}

describe("a worker that is not wanted", () => {
  it("has another token than the one it was given", async () => {
    await using scene = await stage();
    const { reason, ears } = await refusal(scene, (dialer) => dialer.hello({ token: "another" }));
    expect(reason).toBe("its token is not the worker's");
    expect(ears.events).toEqual([]);
  });

  it("is another process than the one that was started", async () => {
    await using scene = await stage();
    const found = await refusal(scene, (dialer) => dialer.hello({ pid: process.pid }));
    expect(found.reason).toBe(`the worker is process ${found.dialer.pid}`);
    expect(found.ears.events).toEqual([]);
  });

  it("speaks another protocol: it is to drain, and nobody kills it for being late", async () => {
    await using scene = await stage({ withinMs: 100 });
    const found = await refusal(scene, (dialer) => dialer.hello({ protocol: 2 }));
    expect(found.reason).toBe("this supervisor speaks protocol 1, not 2");
    expect(found.ears.events).toEqual(["disconnected"]);
    // Another one that is late shows that the time is over.
    const late = await scene.dialer();
    const ears = new Ears();
    scene.adoption.adopt(late.identity({ worker: 2 }), ears);
    await ears.hears("exited null SIGKILL");
    expect(isAlive(found.dialer.pid)).toBe(true);
  });

  it("is one that nobody knows, once everybody is known", async () => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    dialer.order("dial", { path: scene.path, hello: dialer.hello({ worker: 9 }) });
    await dialer.tells({ connected: 0 });
    // What it says has been read by the time another, sent later, is answered.
    await scene.linked();
    expect(dialer.heard()).toEqual([]);
    scene.adoption.complete();
    await dialer.tells({ closed: 0 });
    const { reason } = await refusal(scene, (other) => other.hello({ app: "another" }));
    for (const { message } of dialer.heard()) expect(message.reason).toBe(reason);
    expect([dialer.heard().length, reason]).toEqual([1, "nobody knows it"]);
  });

  it("says nothing for too long", async () => {
    await using scene = await stage();
    await once(await connected(scene.path), "close");
  });

  it("is one of too many", async () => {
    await using scene = await stage();
    const all: net.Socket[] = [];
    // One after the other: more than the kernel lets wait would be turned away by it.
    while (all.length < 600) all.push(await connected(scene.path));
    const isOver = (socket: net.Socket): boolean => socket.destroyed || socket.readableEnded;
    await until(() => all.filter(isOver).length === 600 - 512, { what: "the rest to be closed" });
    for (const socket of all) socket.destroy();
    await scene.linked();
  });
});

describe("hostile lines", () => {
  it.each(ODD_LINES)("%# instead of a hello: the connection is closed", async (line) => {
    await using scene = await stage();
    const socket = await connected(scene.path);
    const closed = once(socket, "close");
    socket.write(`{"m":${line}}\n`);
    await closed;
    const other = await connected(scene.path);
    const end = once(other, "close");
    other.write(`${line}\n`);
    other.end();
    await end;
  });

  it.each([
    {},
    { listening: {} },
    { listening: [null, 5, { request: {} }, { request: null, shards: [] }] },
    {
      listening: [
        {
          request: { key: "k", address: null, port: 0, addressType: 4, flags: 0, data: null },
          shards: [0, -1, "x", 1.5, null],
          isListening: "yes",
        },
      ],
    },
  ])("a hello says only what can be believed, %j", async (odd) => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    const ears = new Ears();
    scene.adoption.adopt(dialer.identity(), ears);
    const hello = { ...dialer.hello(), ...odd } as object;
    dialer.order("dial", { path: scene.path, hello });
    await ears.hears("linked");
    const { request, shards, isListening } = ears.hellos[0]?.listening[0] ?? {};
    expect(request === undefined || [shards, isListening].toString() === "0,false").toBe(true);
  });

  it("of a linked worker hurt nobody, and what can be read is heard", async () => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    const ears = new Ears();
    scene.adoption.adopt(dialer.identity(), ears);
    const socket = await connected(scene.path);
    socket.write(`${JSON.stringify({ m: dialer.hello() })}\n`);
    await ears.hears("linked");
    for (const line of [...ODD_LINES, ...FORGED]) socket.write(`${line}\n{"m":${line}}\n`);
    socket.write(`{"h":1,"m":5}\n{"a":1}\n{"a":0}\n{"m":"the end"}\n`);
    await until(() => ears.appMessages.includes("the end"), { what: "the last line" });
    expect(ears.events).toContain("fault malformed");
    socket.destroy();
  });

  it("that nobody can bear are told of", async () => {
    await using scene = await stage();
    const dialer = await scene.dialer();
    const ears = new Ears();
    ears.linked = () => {
      throw new TypeError("unbearable, too");
    };
    scene.adoption.adopt(dialer.identity(), ears);
    dialer.order("dial", { path: scene.path, hello: dialer.hello() });
    await ears.hears("fault hostile");
    ears.appMessage = () => {
      throw new TypeError("unbearable");
    };
    dialer.order("say", { link: 0, message: {} });
    await ears.hears("fault hostile", 2);
  });

  it("that come too fast are read as fast as is good for the others", async () => {
    await using scene = await stage();
    const { dialer, ears } = await scene.linked();
    const begun = performance.now();
    dialer.order("flood", { link: 0, times: 200, bytes: 64 * 1024, rest: "the end" });
    await until(() => ears.appMessages.includes("the end"), { what: "the last line" });
    // 13 MB, of which 4 are read in 100 ms.
    expect(performance.now() - begun).toBeGreaterThan(200);
    expect(ears.appMessages.length).toBe(201);
  });
});

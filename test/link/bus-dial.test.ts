import net from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DialEvents, type DialOptions, dial, retryDelayMs } from "../../src/link/bus-dial.ts";
import { BUS, type BusFrame, type Head } from "../../src/link/bus-frames.ts";
import type { BusLink } from "../../src/link/bus-link.ts";
import type { BusRefusal } from "../../src/link/bus-refusal.ts";
import { FrameError } from "../../src/link/frames.ts";
import { until } from "../support/until.ts";
import { frameOf, framesOf, greet, HELLO, listening, say, socketPath } from "./bus-sockets.ts";

/** What a dialler has told so far. */
class Heard implements DialEvents {
  readonly ups: { readonly link: BusLink; readonly hello: Head }[] = [];
  readonly downs: { readonly reason: string; readonly error: Error | null; readonly in: number }[] =
    [];
  readonly refusals: BusRefusal[] = [];
  readonly frames: BusFrame[] = [];
  credits = 0;

  up(link: BusLink, hello: Head): void {
    this.ups.push({ link, hello });
  }

  down(reason: string, error: Error | null, retryInMs: number): void {
    this.downs.push({ reason, error, in: retryInMs });
  }

  refused(error: BusRefusal): void {
    this.refusals.push(error);
  }

  frame(frame: BusFrame): void {
    this.frames.push(frame);
  }

  credit(): void {
    this.credits += 1;
  }
}

function dialled(path: string, given: Partial<DialOptions> = {}) {
  const heard = new Heard();
  const handle = dial(
    {
      connect: () => net.connect(path),
      hello: { version: "1.2.3", name: "script" },
      windowBytes: 5000,
      longestBytes: 100_000,
      backoff: { baseMs: 4, capMs: 16 },
      random: () => 0.5,
      ...given,
    },
    heard,
  );
  return { heard, handle, [Symbol.asyncDispose]: () => handle.close() };
}

const isUp = (heard: Heard, times = 1) =>
  until(() => heard.ups.length >= times, { what: `${times} times up` });
const isDown = (heard: Heard, times = 1) =>
  until(() => heard.downs.length >= times, { what: `${times} times down` });

describe("dialling the bus", () => {
  it("says hello, hears one, and carries frames both ways", async () => {
    using place = socketPath();
    const said: (readonly BusFrame[])[] = [];
    await using server = await listening(place.path, (socket) => {
      said.push(greet(socket, { ...HELLO, window: 100, longest: 200 }));
    });
    await using one = dialled(place.path);
    await isUp(one.heard);
    const { link, hello } = one.heard.ups[0] as { link: BusLink; hello: Head };
    expect(hello).toEqual({ ...HELLO, window: 100, longest: 200 });
    expect(said[0]?.[0]).toMatchObject({
      kind: BUS.hello,
      head: { protocol: 1, version: "1.2.3", name: "script", window: 5000 },
    });
    // What the other side's hello said holds.
    expect(link.offer(frameOf(BUS.publish, { body: Buffer.alloc(50) }))).toBe(true);
    expect(link.offer(frameOf(BUS.publish, { body: Buffer.alloc(50) }))).toBe(false);
    expect(() => link.send(frameOf(BUS.reply, { body: Buffer.alloc(200) }))).toThrow(FrameError);
    await until(() => said[0]?.length === 2, { what: "the publish" });
    say(server.sockets[0] as net.Socket, BUS.credit, { id: 73 });
    say(server.sockets[0] as net.Socket, BUS.publish, { id: 7 });
    await until(() => one.heard.frames.length === 1, { what: "a frame" });
    expect(one.heard.frames[0]).toMatchObject({ kind: BUS.publish, id: 7, subject: "a.b" });
    expect(one.heard.credits).toBe(1);
  });

  it("tries again with a backoff that grows, and says why", async () => {
    using place = socketPath();
    await using one = dialled(place.path, { helloWithinMs: 100 });
    await isDown(one.heard, 5);
    expect(one.heard.downs.slice(0, 5).map((down) => down.in)).toEqual([3, 6, 12, 12, 12]);
    expect(one.heard.downs[0]?.reason).toContain("ENOENT");
    expect(one.heard.downs[0]?.error).toMatchObject({ code: "ENOENT" });
    await using server = await listening(place.path, (socket) => void greet(socket));
    await isUp(one.heard);
    const upSince = performance.now();
    const before = one.heard.downs.length;
    await until(() => performance.now() - upSince > 150, { what: "a link that held" });
    expect(one.heard.downs).toHaveLength(before);
    server.sockets.at(-1)?.destroy();
    await isDown(one.heard, before + 1);
    expect(one.heard.downs[before]?.in).toBe(3);
  });

  it("comes back whenever the connection is lost", async () => {
    using place = socketPath();
    await using server = await listening(place.path, (socket) => void greet(socket));
    await using one = dialled(place.path);
    for (let times = 1; times <= 3; times += 1) {
      await isUp(one.heard, times);
      server.sockets.at(-1)?.destroy();
      await isDown(one.heard, times);
      expect(one.heard.downs.at(-1)).toMatchObject({
        reason: "the other side has closed the connection",
        error: null,
      });
    }
    await isUp(one.heard, 4);
    expect(server.sockets).toHaveLength(4);
  });

  it("does not take a link that ends at once for a sound one", async () => {
    using place = socketPath();
    await using _server = await listening(place.path, (socket) => {
      greet(socket);
      socket.once("data", () => socket.end());
    });
    await using one = dialled(place.path, { backoff: { baseMs: 1, capMs: 3_600_000 } });
    await isDown(one.heard, 5);
    expect(one.heard.downs.slice(0, 5).map((down) => down.in)).toEqual([1, 2, 3, 6, 12]);
    expect(one.heard.ups.length).toBeGreaterThanOrEqual(5);
  });

  it("does not wait for ever for a hello", async () => {
    using place = socketPath();
    await using _server = await listening(place.path, (socket) => socket.resume());
    await using one = dialled(place.path, { helloWithinMs: 20 });
    await isDown(one.heard, 2);
    expect(one.heard.downs[0]?.reason).toBe("the other side said no hello within 20 ms");
    expect(one.heard.ups).toEqual([]);
  });

  it.each([
    [
      "it sent a frame of",
      (socket: net.Socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
    ],
    ["does not begin with a hello", (socket: net.Socket) => say(socket, BUS.publish)],
    ["does not begin with a hello", (socket: net.Socket) => say(socket, BUS.hello)],
    [
      "does not say its window",
      (socket: net.Socket) => say(socket, BUS.hello, { head: { ...HELLO, window: -1 } }),
    ],
  ])("is not up where something else is spoken: %s", async (reason, speak) => {
    using place = socketPath();
    await using _server = await listening(place.path, (socket) => {
      socket.resume();
      speak(socket);
    });
    await using one = dialled(place.path);
    await isDown(one.heard, 2);
    expect(one.heard.downs[0]?.reason).toContain(reason);
    expect([one.heard.ups, one.heard.frames]).toEqual([[], []]);
  });

  it.each([
    [
      "the other side speaks protocol 99 (version 9.0.0), this side protocol 1",
      null,
      (socket: net.Socket) => greet(socket, { ...HELLO, protocol: 99, version: "9.0.0" }),
    ],
    [
      "no such worker",
      "HF_BUS_REFUSED",
      (socket: net.Socket) => {
        const head = { name: "HoldfastError", message: "no such worker", code: "HF_BUS_REFUSED" };
        say(socket, BUS.failure, { head });
        socket.resume().end();
      },
    ],
    [
      "the other side refused without a reason",
      null,
      (socket: net.Socket) => say(socket.resume(), BUS.failure),
    ],
  ])("gives up where it is refused: %s", async (message, code, refuse) => {
    using place = socketPath();
    await using server = await listening(place.path, (socket) => void refuse(socket));
    await using one = dialled(place.path, { backoff: { baseMs: 1, capMs: 1 } });
    await until(() => one.heard.refusals.length > 0, { what: "the refusal" });
    expect(one.heard.refusals[0]).toMatchObject({ message, code, name: "BusRefusal" });
    // Another, with longer waits, has tried five times since.
    await using other = dialled(`${place.path}.none`);
    await isDown(other.heard, 5);
    expect(server.sockets).toHaveLength(1);
    expect([one.heard.ups, one.heard.downs]).toEqual([[], []]);
    expect(one.heard.refusals).toHaveLength(1);
  });

  it("tries again after a while where a refusal proves nothing, once it was up", async () => {
    using place = socketPath();
    let isWelcome = true;
    await using server = await listening(place.path, (socket) => {
      if (isWelcome) greet(socket.resume());
      else say(socket.resume(), BUS.failure);
    });
    const address = { name: "", connect: () => net.connect(place.path), restMs: 40 };
    await using one = dialled(place.path, { connect: [address] });
    await isUp(one.heard);
    isWelcome = false;
    server.sockets[0]?.destroy();
    await isDown(one.heard, 3);
    // Half of the rest, and half of the other half by chance.
    expect(one.heard.downs.slice(1, 3).map((down) => down.in)).toEqual([30, 30]);
    expect(one.heard.downs[2]?.reason).toBe("the other side refused without a reason");
    isWelcome = true;
    await isUp(one.heard, 2);
    expect(one.heard.refusals).toEqual([]);
    isWelcome = false;
    // Nobody was ever let in: that is for the program to know at once.
    await using other = dialled(place.path, { connect: [address] });
    await until(() => other.heard.refusals.length > 0, { what: "the refusal" });
    expect(other.heard.downs).toEqual([]);
  });

  it("goes by another address while one that refuses rests, and comes back to it", async () => {
    using first = socketPath();
    using second = socketPath();
    let isWelcome = false;
    await using _refusing = await listening(first.path, (socket) => {
      if (isWelcome) greet(socket.resume());
      else say(socket.resume(), BUS.failure);
    });
    const good = await listening(second.path, (socket) => void greet(socket.resume()));
    const connect = [first, second].map(({ path }) => {
      return { name: path, connect: () => net.connect(path), restMs: 40 };
    });
    await using one = dialled(first.path, { connect, random: () => 0 });
    await isUp(one.heard);
    isWelcome = true;
    await good[Symbol.asyncDispose]();
    await isUp(one.heard, 2);
    expect(one.heard.refusals).toEqual([]);
  });

  it("takes a connection that cannot even be begun for a lost one", async () => {
    using place = socketPath();
    const connect = () => {
      throw new Error("no descriptor left");
    };
    await using one = dialled(place.path, { connect });
    expect(one.heard.downs).toEqual([]);
    await isDown(one.heard, 2);
    expect(one.heard.downs[0]?.reason).toBe("the connection failed: no descriptor left");
  });
});

describe("the end of dialling", () => {
  it("comes after all that was sent is written out, and nothing is told after it", async () => {
    using place = socketPath();
    const said: (readonly BusFrame[])[] = [];
    await using server = await listening(place.path, (socket) => {
      said.push(greet(socket));
      socket.on("end", () => socket.end());
    });
    const { heard, handle } = dialled(place.path);
    await isUp(heard);
    for (let id = 0; id < 50; id += 1) {
      heard.ups[0]?.link.send(frameOf(BUS.reply, { id, body: Buffer.alloc(50_000) }));
    }
    await handle.close();
    expect(said[0]?.length).toBe(51);
    expect([heard.downs, server.sockets.length]).toEqual([[], 1]);
    await handle.close();
  });

  it("comes at once before a hello, and between two tries", async () => {
    using place = socketPath();
    const early = dialled(`${place.path}.none`);
    await early.handle.close();
    expect(early.heard.downs).toEqual([]);
    const between = dialled(`${place.path}.none`, { backoff: { baseMs: 60_000, capMs: 60_000 } });
    await isDown(between.heard);
    await between.handle.close();
    await using _server = await listening(place.path, (socket) => void framesOf(socket));
    const mute = dialled(place.path);
    await mute.handle.close();
    expect(mute.heard.downs).toEqual([]);
  });

  it("is not needed for a process to end where the link is not to keep it", async () => {
    using place = socketPath();
    await using _server = await listening(place.path, (socket) => void greet(socket));
    const held = (what: string) =>
      process.getActiveResourcesInfo().filter((name) => name === what).length;
    await using one = dialled(place.path);
    await isUp(one.heard);
    const before = held("PipeWrap");
    one.handle.keepAlive(false);
    expect(held("PipeWrap")).toBe(before - 1);
    one.handle.keepAlive(true);
    expect(held("PipeWrap")).toBe(before);

    const patient = dialled(`${place.path}.none`, { backoff: { baseMs: 60_000, capMs: 60_000 } });
    patient.handle.keepAlive(false);
    await isDown(patient.heard);
    const timers = held("Timeout");
    patient.handle.keepAlive(true);
    expect(held("Timeout")).toBe(timers + 1);
    patient.handle.keepAlive(false);
    expect(held("Timeout")).toBe(timers);
    await patient.handle.close();
  });
});

describe("the wait before the next try", () => {
  it("grows to its cap, and leaves its upper half to chance", () => {
    const bounds = fc.record({
      baseMs: fc.integer({ min: 1, max: 1000 }),
      capMs: fc.integer({ min: 1000, max: 60_000 }),
    });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        random,
        bounds,
        (failures, chance, backoff) => {
          const full = Math.min(backoff.capMs, backoff.baseMs * 2 ** (failures - 1));
          const wait = retryDelayMs(failures, chance, backoff);
          expect(wait).toBeGreaterThanOrEqual(Math.floor(full / 2));
          expect(wait).toBeLessThanOrEqual(Math.ceil(full));
        },
      ),
    );
    const apart = [0, 0.25, 0.5, 0.75].map((chance) =>
      retryDelayMs(3, chance, { baseMs: 100, capMs: 5000 }),
    );
    expect(apart).toEqual([200, 250, 300, 350]);
  });
});

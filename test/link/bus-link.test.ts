import { spawn } from "node:child_process";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { BUS, encodeBusFrame } from "../../src/link/bus-frames.ts";
import { FrameError } from "../../src/link/frames.ts";
import { until } from "../support/until.ts";
import {
  frameOf,
  framesOf,
  linkOn,
  listening,
  say,
  socketPair,
  socketPath,
} from "./bus-sockets.ts";

const publish = (bytes: number) => frameOf(BUS.publish, { body: Buffer.alloc(bytes, 7) });
/** A frame of `frameOf` has so many bytes around its body. */
const AROUND = 23;

describe("a bus link", () => {
  it("carries frames of every size both ways, in order and whole", async () => {
    await using pair = await socketPair();
    const near = linkOn(pair.near);
    const far = linkOn(pair.far);
    const sizes = [0, 1, 5000, 16_383, 16_384, 3, 70_000, 65_536, 2, 1024 * 1024, 9, 100];
    const bodies = sizes.map((size, n) => Buffer.alloc(size, n + 1));
    for (const [id, body] of bodies.entries()) {
      near.link.send(frameOf(BUS.reply, { id, body, head: { id } }));
      far.link.send(frameOf(BUS.reply, { id, body }));
    }
    for (const { told } of [near, far]) {
      await until(() => told.frames.length === sizes.length, { what: "all frames" });
      expect(told.frames.map(({ id }) => id)).toEqual(sizes.map((_, n) => n));
      for (const [n, { body }] of told.frames.entries()) {
        expect(body.equals(bodies[n] as Buffer)).toBe(true);
      }
    }
    expect(near.link.unsentBytes).toBe(0);
  });

  it("writes once for all that is sent in one turn", async () => {
    await using pair = await socketPair();
    const { link } = linkOn(pair.near);
    const far = framesOf(pair.far);
    const write = vi.spyOn(pair.near, "write");
    for (let id = 0; id < 100; id += 1) link.send(frameOf(BUS.reply, { id }));
    expect(link.unsentBytes).toBe(100 * AROUND);
    await until(() => far.length === 100, { what: "all frames" });
    expect(write).toHaveBeenCalledTimes(1);
    link.send(frameOf(BUS.reply));
    await until(() => far.length === 101, { what: "the frame of a later turn" });
    expect(write).toHaveBeenCalledTimes(2);
  });

  it("does not overwrite what is still under way", async () => {
    await using pair = await socketPair();
    const { link } = linkOn(pair.near);
    // Nobody reads: the system's buffer fills, and the rest waits here.
    for (let id = 0; id < 4000; id += 1) {
      link.send(frameOf(BUS.reply, { id, body: Buffer.alloc(id % 300, id) }));
      if (id % 50 === 0) await turn();
    }
    expect(pair.near.writableLength).toBeGreaterThan(0);
    const far = framesOf(pair.far);
    await until(() => far.length === 4000, { what: "all frames" });
    for (const [n, { id, body }] of far.entries()) {
      expect(id).toBe(n);
      expect(body.equals(Buffer.alloc(n % 300, n))).toBe(true);
    }
  });

  it("refuses what cannot be sent", async () => {
    await using pair = await socketPair();
    const { link } = linkOn(pair.near, { longestBytes: 100 });
    const fits = frameOf(BUS.reply, { body: Buffer.alloc(100 - AROUND) });
    const longer = { ...fits, body: Buffer.alloc(101 - AROUND) };
    link.send(fits);
    expect(() => link.send(longer)).toThrow(FrameError);
    expect(() => link.offer({ ...longer, kind: BUS.publish })).toThrow("takes 100");
    expect(() => link.send(frameOf(BUS.request))).toThrow("credit");
    expect(() => link.send(frameOf(BUS.reply, { subject: "ä" }))).toThrow("ASCII");
    link.openWindow(1000, 99);
    expect(() => link.send(fits)).toThrow("takes 99");
    // Nothing of the window is lost by it.
    const strange = frameOf(BUS.publish, { subject: "ä", body: Buffer.alloc(50) });
    for (let n = 0; n < 100; n += 1) expect(() => link.offer(strange)).toThrow("ASCII");
    link.send(frameOf(BUS.reply, { id: 5 }));
    const far = framesOf(pair.far);
    await until(() => far.length === 2, { what: "the frames that were good" });
    expect(far[1]?.id).toBe(5);
  });
});

describe("the credit of a link", () => {
  it("that is little goes along with what is said next, or by itself when nothing is", async () => {
    await using pair = await socketPair();
    const { link, told } = linkOn(pair.near, { creditWaitsMs: 50 });
    const far = framesOf(pair.far);
    const heard = async (count: number) => {
      say(pair.far, BUS.publish);
      await until(() => told.frames.length === count, { what: "the publish" });
      link.worked(AROUND);
    };
    await heard(1);
    await turn();
    await turn();
    link.send(frameOf(BUS.reply));
    await until(() => far.length === 2, { what: "an answer and the credit" });
    expect(far.map(({ kind, id }) => [kind, id])).toEqual([
      [BUS.reply, 0],
      [BUS.credit, AROUND],
    ]);
    await heard(2);
    await until(() => far.length === 3, { what: "the credit by itself" });
    expect(far[2]).toMatchObject({ kind: BUS.credit, id: AROUND });
    // Much of it hurries: a timer would be felt.
    const hurried = linkOn(pair.far, { creditWaitsMs: 60_000, windowBytes: 4 * AROUND });
    link.openWindow(4 * AROUND);
    link.offer(frameOf(BUS.publish));
    await until(() => hurried.told.frames.length === 1, { what: "the other side's publish" });
    told.credits = 0;
    for (let n = 0; n < 3; n += 1) link.offer(frameOf(BUS.publish));
    expect(link.offer(frameOf(BUS.publish))).toBe(false);
    hurried.link.worked(AROUND);
    await until(() => told.credits === 1, { what: "credit for a quarter of the window" });
  });

  it("is nothing before the other side has said what it takes", async () => {
    await using pair = await socketPair();
    const { link, told } = linkOn(pair.near);
    expect(link.offer(publish(1))).toBe(false);
    expect(link.hasRoom(1)).toBe(false);
    link.openWindow(1000);
    expect(told.credits).toBe(1);
    expect(link.offer(publish(1))).toBe(true);
    expect([link.hasRoom(1000 - AROUND - 1), link.hasRoom(1000 - AROUND)]).toEqual([true, false]);
    link.destroy("over");
    expect(link.hasRoom(1)).toBe(false);
  });

  it("bounds what is under way, in both directions, and comes back when the work is done", async () => {
    await using pair = await socketPair();
    const near = linkOn(pair.near);
    const far = linkOn(pair.far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.link.openWindow(1000);
      let sent = 0;
      while (from.link.offer(publish(100 - AROUND))) sent += 1;
      expect(sent).toBe(10);
      from.link.send(frameOf(BUS.reply));
      await until(() => to.told.frames.length === 11, { what: "what the window allowed" });
      to.link.worked(200);
      await turn();
      expect(from.told.credits).toBe(0);
      to.link.worked(100);
      await until(() => from.told.credits === 1, { what: "credit for a quarter of the window" });
      expect(from.told.workedBytes).toBe(300);
      for (let n = 0; n < 3; n += 1) expect(from.link.offer(publish(100 - AROUND))).toBe(true);
      expect(from.link.offer(publish(100 - AROUND))).toBe(false);
      await until(() => to.told.frames.length === 14, { what: "what the credit allowed" });
      to.link.worked(1000);
      await until(() => from.told.credits === 2, { what: "all credit" });
      expect(from.link.offer(publish(100_000))).toBe(true);
      expect(from.link.offer(publish(0))).toBe(false);
      to.told.frames.length = 0;
      await until(() => to.told.frames.length === 1, { what: "the frame larger than the window" });
      to.link.worked(to.told.frames[0]?.bytes ?? 0);
      await until(() => from.told.credits === 3, { what: "the last credit" });
      from.told.credits = 0;
      to.told.frames.length = 0;
    }
  });

  it("is given in one frame for all that was worked off in a turn", async () => {
    await using pair = await socketPair();
    const { link, told } = linkOn(pair.near);
    told.frame = ({ bytes }) => link.worked(bytes);
    const far = framesOf(pair.far);
    const one = encodeBusFrame(publish(10));
    pair.far.write(Buffer.concat([one, one, one, one]));
    await until(() => far.length > 0, { what: "credit" });
    say(pair.far, BUS.cancel);
    say(pair.far, BUS.publish);
    await until(() => far.length > 1, { what: "credit for the next" });
    expect(far.map(({ kind, id }) => [kind, id])).toEqual([
      [BUS.credit, 4 * one.length],
      [BUS.credit, AROUND],
    ]);
  });

  it("ends a link whose other side takes more than it has", async () => {
    await using pair = await socketPair();
    const { told } = linkOn(pair.near);
    for (let n = 0; n < 3; n += 1) say(pair.far, BUS.publish, { body: Buffer.alloc(400) });
    await until(() => told.ends.length > 0, { what: "the end" });
    expect(told.ends[0]?.reason).toContain("more than its window");
    expect(told.frames).toHaveLength(2);
  });
});

describe("the end of a link", () => {
  it("comes after all that was sent is written out", async () => {
    await using pair = await socketPair();
    const near = linkOn(pair.near);
    const far = linkOn(pair.far);
    for (let id = 0; id < 6; id += 1) {
      near.link.send(frameOf(BUS.reply, { id, body: Buffer.alloc(1024 * 1024, id) }));
    }
    near.link.send(frameOf(BUS.leave));
    await Promise.all([near.link.end(), near.link.end()]);
    await until(() => far.told.ends.length > 0, { what: "the other side's end" });
    expect(far.told.frames.map(({ kind }) => kind)).toEqual([
      ...Array(6).fill(BUS.reply),
      BUS.leave,
    ]);
    for (const { told } of [near, far]) expect(told.ends).toEqual([{ reason: null, error: null }]);
    near.link.send(frameOf(BUS.leave));
    expect(near.link.offer(publish(1))).toBe(false);
    expect(near.link.unsentBytes).toBe(0);
    await near.link.end();
    expect(near.told.ends).toHaveLength(1);
  });

  it("does not wait for ever for a side that does not read, or does not close", async () => {
    for (const [body, reason] of [
      [Buffer.alloc(2_000_000), "it has not read what was left within 50 ms"],
      [Buffer.alloc(10), null],
    ] as const) {
      await using pair = await socketPair();
      const { link, told } = linkOn(pair.near, { lingerMs: 50 });
      link.send(frameOf(BUS.reply, { body }));
      await link.end();
      expect(told.ends).toEqual([{ reason, error: null }]);
    }
  });

  it("comes for a side that leaves what needs no credit unread", async () => {
    await using pair = await socketPair();
    const { link, told } = linkOn(pair.near);
    const body = Buffer.alloc(1024 * 1024);
    let sent = 0;
    while (told.ends.length === 0) {
      link.send(frameOf(BUS.reply, { body }));
      sent += 1;
      expect(link.unsentBytes).toBeLessThan(18 * body.length);
      await turn();
    }
    expect(sent).toBeGreaterThan(15);
    expect(told.ends[0]?.reason).toMatch(/does not read: \d+ bytes/);
  });

  it("does not come for much that is said at once, where the side is to bear it", async () => {
    await using pair = await socketPair();
    const { link, told } = linkOn(pair.near, { unreadMaxBytes: Number.POSITIVE_INFINITY });
    const body = Buffer.alloc(1024 * 1024);
    for (let n = 0; n < 20; n += 1) link.send(frameOf(BUS.reply, { body }));
    const far = framesOf(pair.far);
    await until(() => far.length === 20, { what: "all of it" });
    expect(told.ends).toEqual([]);
  });

  it.each([false, true])(
    "comes when the other side ends its half (own half open: %s)",
    async (own) => {
      await using pair = await socketPair({ allowHalfOpen: own });
      const far = framesOf(pair.far);
      // Before the link itself hears of the end: what is sent in that turn still goes where the socket allows it.
      pair.near.once("end", () => near.link.send(frameOf(BUS.done)));
      const near = linkOn(pair.near);
      pair.far.end(encodeBusFrame(frameOf(BUS.sync)));
      await once(pair.far, "end");
      await until(() => near.told.ends.length > 0, { what: "the end" });
      expect(near.told.ends).toEqual([{ reason: null, error: null }]);
      expect(near.told.frames).toHaveLength(1);
      expect(far.map(({ kind }) => kind)).toEqual(own ? [BUS.done] : []);
    },
  );

  it("tells of a peer that died in the middle of a frame", async () => {
    using place = socketPath();
    const ends: ReturnType<typeof linkOn>[] = [];
    await using _server = await listening(place.path, (socket) => ends.push(linkOn(socket)));
    const whole = encodeBusFrame(frameOf(BUS.sync)).toString("hex");
    const script = `
      const socket = require("net").connect(${JSON.stringify(place.path)});
      socket.write(Buffer.from("${whole}${whole.slice(0, -8)}", "hex"), () => process.kill(process.pid, "SIGKILL"));`;
    const child = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
    const exit = once(child, "exit");
    const { told } = await until(() => ends[0], { what: "the connection" });
    await exit;
    await until(() => told.ends.length > 0, { what: "the end" });
    expect(told.frames).toHaveLength(1);
    expect(told.ends[0]?.reason).toContain("in the middle of a frame");
  });

  it("comes with the reason when something else is spoken, or a frame is too long", async () => {
    const long = Buffer.alloc(4);
    long.writeUInt32BE(3_000_000);
    for (const [bytes, reason] of [
      [Buffer.from("GET / HTTP/1.1\r\n\r\n"), "it sent a frame of 1195725860 bytes"],
      [long, "it sent a frame of 3000004 bytes where 2097152 are the most"],
    ] as const) {
      await using pair = await socketPair();
      const { told } = linkOn(pair.near);
      pair.far.write(bytes);
      await until(() => told.ends.length > 0, { what: "the end" });
      expect(told.ends[0]?.reason).toContain(reason);
      expect(told.ends[0]?.error).toBeInstanceOf(FrameError);
    }
  });

  it("comes with the error that a handler has thrown, and nothing more is handled", async () => {
    await using pair = await socketPair();
    const { told } = linkOn(pair.near);
    const fault = new TypeError("of the handler");
    let calls = 0;
    told.frame = () => {
      calls += 1;
      throw fault;
    };
    const one = encodeBusFrame(frameOf(BUS.sync));
    pair.far.write(Buffer.concat([one, one]));
    await until(() => told.ends.length > 0, { what: "the end" });
    expect(told.ends).toEqual([
      { reason: "a frame was not handled: of the handler", error: fault },
    ]);
    expect(calls).toBe(1);
  });

  it("comes at once when it is destroyed, with the reason given first", async () => {
    await using pair = await socketPair();
    const { link, told } = linkOn(pair.near);
    let calls = 0;
    told.frame = () => {
      calls += 1;
      link.destroy("not wanted");
      link.destroy("again");
    };
    const one = encodeBusFrame(frameOf(BUS.sync));
    pair.far.write(Buffer.concat([one, one]));
    await until(() => told.ends.length > 0, { what: "the end" });
    expect(told.ends).toEqual([{ reason: "not wanted", error: null }]);
    expect(calls).toBe(1);
    await link.end();
  });
});

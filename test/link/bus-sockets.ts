/** Two ends of a real UNIX socket, and what a link on one of them tells. */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BusFrameReader } from "../../src/link/bus-frame-reader.ts";
import {
  BUS,
  type BusFrame,
  encodeBusFrame,
  type OutgoingFrame,
} from "../../src/link/bus-frames.ts";
import { BusLink, type LinkEvents, type LinkOptions } from "../../src/link/bus-link.ts";
import { until } from "../support/until.ts";

const EMPTY = Buffer.alloc(0);

export function frameOf(kind: number, given: Partial<OutgoingFrame> = {}): OutgoingFrame {
  return { kind, format: 2, id: 0, to: 0, subject: "a.b", head: null, body: EMPTY, ...given };
}

/** A path for a socket in a folder of its own. */
export function socketPath() {
  const folder = mkdtempSync(join(tmpdir(), "hf-bus-"));
  return {
    path: join(folder, "bus.sock"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Listens; every connection that comes is kept and destroyed at the end. */
export async function listening(path: string, serve: (socket: net.Socket) => void) {
  const sockets: net.Socket[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  server.listen(path);
  await once(server, "listening");
  return {
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

export interface PairOptions {
  /** Of the near end. */
  readonly allowHalfOpen?: boolean;
}

/** The two ends of one connection; the far one stays half open. */
export async function socketPair({ allowHalfOpen = false }: PairOptions = {}) {
  const place = socketPath();
  const server = await listening(place.path, () => {});
  const near = new net.Socket({ allowHalfOpen }).connect(place.path);
  near.on("error", () => {});
  const far = await until(() => server.sockets[0], { what: "the connection" });
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      near.destroy();
      await server[Symbol.asyncDispose]();
      place[Symbol.dispose]();
    },
  };
}

/** What a link has told so far. */
export class Told implements LinkEvents {
  readonly frames: BusFrame[] = [];
  readonly ends: { readonly reason: string | null; readonly error: Error | null }[] = [];
  credits = 0;
  /** Of what was offered: bytes the other side has worked off. */
  workedBytes = 0;

  worked(bytes: number): void {
    this.workedBytes += bytes;
  }

  frame(frame: BusFrame): void {
    this.frames.push(frame);
  }

  credit(): void {
    this.credits += 1;
  }

  closed(reason: string | null, error: Error | null): void {
    this.ends.push({ reason, error });
  }
}

export function linkOn(socket: net.Socket, options: Partial<LinkOptions> = {}) {
  const told = new Told();
  const limits = { windowBytes: 1000, longestBytes: 2 * 1024 * 1024, ...options };
  return { link: new BusLink(socket, limits, told), told };
}

/** Reads a socket without a link: the frames that have come. */
export function framesOf(socket: net.Socket): readonly BusFrame[] {
  const frames: BusFrame[] = [];
  const reader = new BusFrameReader(2 * 1024 * 1024);
  socket.on("data", (chunk: Buffer) => frames.push(...reader.push(chunk)));
  return frames;
}

export function say(socket: net.Socket, kind: number, given: Partial<OutgoingFrame> = {}): void {
  socket.write(encodeBusFrame(frameOf(kind, given)));
}

export const HELLO = { protocol: 1, version: "1.2.3", window: 1000 } as const;

/** Answers a connection's hello, as a supervisor would. */
export function greet(
  socket: net.Socket,
  head: OutgoingFrame["head"] = HELLO,
): readonly BusFrame[] {
  const frames = framesOf(socket);
  socket.once("data", () => say(socket, BUS.hello, { head }));
  socket.once("end", () => socket.end());
  return frames;
}

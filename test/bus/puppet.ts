/** A supervisor's end of the bus that does only what the test says. */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BusClient } from "../../src/bus/client.ts";
import { BUS, type BusFrame, type OutgoingFrame } from "../../src/link/bus-frames.ts";
import { BusLink } from "../../src/link/bus-link.ts";
import { until } from "../support/until.ts";
import { atEnd } from "./served.ts";

const EMPTY = Buffer.alloc(0);
const SIZES = { windowBytes: 1024 * 1024, longestBytes: 1024 * 1024 + 64 * 1024 };

export interface PuppetOptions {
  /** What the answer to a hello says. */
  readonly hello?: Readonly<Record<string, unknown>>;
  /** Called with every frame but the hello. */
  heard?(frame: BusFrame, puppet: Puppet): void;
}

export interface Puppet {
  readonly path: string;
  readonly frames: readonly BusFrame[];
  /** The connection that came last. */
  readonly link: BusLink;
  /** How many have said hello. */
  readonly hellos: number;
  send(kind: number, given?: Partial<OutgoingFrame>): void;
  /** The first frame of that kind from the given place on, when it has come. */
  frame(kind: number, from?: number): Promise<BusFrame>;
  listen(): Promise<void>;
  /** In place of it all: so many connections that are made are closed at once. */
  refuse(connections: number): Promise<void>;
  /** All connections end without a word, and nobody listens. */
  vanish(): void;
}

export async function puppet({ hello = {}, heard }: PuppetOptions = {}): Promise<Puppet> {
  const folder = mkdtempSync(join(tmpdir(), "hf-bus-"));
  const path = join(folder, "bus.sock");
  const frames: BusFrame[] = [];
  const sockets = new Set<net.Socket>();
  let link: BusLink | null = null;
  let hellos = 0;
  let server: net.Server | null = null;
  const serve = (socket: net.Socket): void => {
    sockets.add(socket);
    const own = new BusLink(socket, SIZES, {
      frame(frame) {
        if (frame.kind === BUS.hello) {
          hellos += 1;
          link = own;
          const head = { protocol: 1, version: "1", member: 7, window: 1024 * 1024, ...hello };
          own.send({ ...NOTHING, kind: BUS.hello, head });
          own.openWindow(1024 * 1024);
        } else {
          frames.push({ ...frame, body: Buffer.from(frame.body) });
          heard?.(frame, self);
        }
      },
      credit() {},
      closed: () => sockets.delete(socket),
    });
  };
  const self: Puppet = {
    path,
    frames,
    get link() {
      if (!link) throw new Error("nobody has said hello");
      return link;
    },
    get hellos() {
      return hellos;
    },
    send: (kind, given) => self.link.send({ ...NOTHING, kind, ...given }),
    frame: (kind, from = 0) =>
      until(() => frames.slice(from).find((frame) => frame.kind === kind), {
        what: `a frame of kind ${kind}`,
        intervalMs: 2,
      }),
    listen: () =>
      new Promise((resolve) => {
        server = net.createServer(serve).listen(path, resolve);
      }),
    async refuse(connections) {
      let made = 0;
      const closing = net.createServer((socket) => {
        made += 1;
        socket.destroy();
      });
      closing.listen(path);
      await until(() => made >= connections, { what: "connections that are closed at once" });
      closing.close();
      await once(closing, "close");
    },
    vanish() {
      server?.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  atEnd(() => {
    self.vanish();
    rmSync(folder, { recursive: true, force: true });
  });
  await self.listen();
  return self;
}

const NOTHING: OutgoingFrame = {
  ...{ kind: 0, format: 0, id: 0, to: 0, subject: "", head: null, body: EMPTY },
};

/** A client that is closed after the test. */
export function clientOf(path: string, unreachableAfterMs = 10_000): BusClient {
  const client = new BusClient(() => ({ path, hello: { name: "client" }, unreachableAfterMs }));
  atEnd(() => client.close({ timeout: 1 }));
  return client;
}

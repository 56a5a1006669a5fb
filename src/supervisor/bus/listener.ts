/** The bus's door for other machines: TLS alone, and nobody is heard before having proved who they are. */

import net from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { addressText, type Listen } from "../../config/admin.ts";
import type { BusOptions } from "../../config/bus.ts";
import { Bucket } from "../../core/bus/bucket.ts";
import { Silence } from "../../core/bus/silence.ts";
import { HoldfastError } from "../../errors.ts";
import { BUS, creditOf, encodeBusFrame, FORMAT } from "../../link/bus-frames.ts";
import type { Client } from "./client.ts";
import type { Credentials } from "./credentials.ts";
import { addressOf, Door, type DoorLimits } from "./door.ts";
import { type Guest, Throttle } from "./guest.ts";
import { Pool } from "./pool.ts";
import { failureHead } from "./post.ts";
import { Passport, type Proven } from "./remote-tls.ts";
import { Tally } from "./tally.ts";

export interface ListenerLimits {
  /** Before anybody is known: what they cost is bounded. */
  readonly door: DoorLimits;
  /** Connections of one identity: others are to have room, workers above all. */
  readonly mostOfIdentity: number;
  /** What all together may leave unread: each may leave 16 MiB. */
  readonly mostUnreadBytes: number;
}

const LIMITS: ListenerLimits = {
  ...{ door: { most: 256, mostOfAddress: 64 }, mostOfIdentity: 1000 },
  mostUnreadBytes: 512 * 1024 * 1024,
};
const KEEP_ALIVE_MS = 15_000;
/** A client of ours takes the supervisor for gone that has not said anything for 10 s after a question. */
const LOOK_EVERY_MS = 5000;
/** Of what somebody is called in a certificate: anybody may show one. */
const LONGEST_NAME = 128;
/** How long somebody may take to read why they are refused, or what was said last. */
const GOODBYE_MS = 500;

export interface ListenerPort {
  /** Somebody who has proved who they are. */
  connected(socket: TLSSocket, guest: Guest): Client;
  /** Somebody has not. */
  authFailed(): void;
  fault(error: HoldfastError): void;
}

interface Present {
  readonly name: string;
  readonly client: Client;
  readonly throttle: Throttle;
  readonly silence: Silence;
}

export class Listener {
  readonly #options: BusOptions;
  readonly #port: ListenerPort;
  readonly #passport: Passport;
  readonly #door: Door;
  readonly #limits: ListenerLimits;
  readonly #present = new Map<TLSSocket, Present>();
  readonly #pool = new Pool();
  /** By identity. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #server: net.Server;
  readonly #watch: NodeJS.Timeout;
  readonly #turnedAway: Tally<string>;
  readonly #refused: Tally<{
    readonly who: string;
    readonly address: string;
    readonly reason: string;
  }>;

  /** Listens. Rejects with HF_BUS_REMOTE_NOT_LISTENING. */
  static async open(
    options: BusOptions,
    credentials: Credentials,
    port: ListenerPort,
    limits = LIMITS,
  ): Promise<Listener> {
    const listener = new Listener(options, credentials, port, limits);
    try {
      await listening(listener.#server, options.listen);
      return listener;
    } catch (error) {
      clearInterval(listener.#watch);
      const address = addressText(options.listen);
      const reason = (error as Error).message;
      throw new HoldfastError("HF_BUS_REMOTE_NOT_LISTENING", { address, reason }, { cause: error });
    }
  }

  private constructor(
    options: BusOptions,
    credentials: Credentials,
    port: ListenerPort,
    limits: ListenerLimits,
  ) {
    this.#options = options;
    this.#port = port;
    this.#limits = limits;
    this.#door = new Door(limits.door);
    this.#passport = new Passport(credentials);
    this.#turnedAway = new Tally((times, address) =>
      port.fault(new HoldfastError("HF_BUS_REMOTE_CROWDED", { times, address })),
    );
    this.#refused = new Tally((times, last) =>
      port.fault(new HoldfastError("HF_BUS_REMOTE_REFUSED", { times, ...last })),
    );
    const tls = createServer(this.#passport.options(), (socket) => this.#secured(socket));
    tls.on("tlsClientError", (error, socket) => this.#failed(error, socket));
    const keptAlive = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, noDelay: true };
    this.#server = net.createServer(keptAlive, (socket) => {
      socket.on("error", () => socket.destroy());
      // It is gone already: its other end has no name any more.
      if (socket.remoteAddress === undefined) return void socket.destroy();
      if (this.#door.enter(socket)) return void tls.emit("connection", socket);
      this.#turnedAway.add(addressOf(socket));
      socket.destroy();
    });
    this.#server.unref();
    this.#watch = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  /** Where it listens: the port that was found where any was asked for. */
  get address(): string {
    const found = this.#server.address();
    const port = typeof found === "object" && found !== null ? found.port : 0;
    return addressText({ ...this.#options.listen, port });
  }

  /** Listens no more, and lets all go who came by it. */
  async close(): Promise<void> {
    clearInterval(this.#watch);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#door.clear();
    const late = setTimeout(() => {
      for (const socket of this.#present.keys()) socket.destroy();
    }, GOODBYE_MS);
    await Promise.all([...this.#present.values()].map(({ client }) => client.link.end()));
    await closed;
    clearTimeout(late);
    this.#turnedAway.close();
    this.#refused.close();
  }

  #secured(socket: TLSSocket): void {
    const judgement = this.#passport.judge(socket);
    if ("identity" in judgement) this.#welcome(socket, judgement);
    else this.#refuse(socket, judgement.name, judgement.reason);
  }

  #welcome(socket: TLSSocket, { name, identity }: Proven): void {
    const { mostOfIdentity } = this.#limits;
    const present = [...this.#present.values()].filter((each) => each.name === name).length;
    if (present >= mostOfIdentity) {
      return this.#refuse(socket, name, `it has ${mostOfIdentity} connections already`);
    }
    const throttle = new Throttle(this.#bucketOf(name), socket);
    const arrived = (): void => this.#door.passed(socket);
    const { permissions } = identity;
    const guest: Guest = { name, permissions, throttle, pool: this.#pool, arrived };
    const client = this.#port.connected(socket, guest);
    this.#present.set(socket, { name, client, throttle, silence: new Silence(performance.now()) });
    socket.once("close", () => {
      throttle.close();
      this.#present.delete(socket);
    });
  }

  /** Said within TLS: there is nothing more for it, but it is not to wonder why. */
  #refuse(socket: TLSSocket, name: string | null, reason: string): void {
    this.#count(socket, name, reason);
    const head = failureHead({ code: "REFUSED", message: reason });
    const frame = { kind: BUS.failure, format: FORMAT.none, id: 0, to: 0, subject: "", head };
    socket.on("error", () => socket.destroy());
    // Read, or the answer is lost with what was not read.
    socket.resume();
    socket.end(encodeBusFrame({ ...frame, body: Buffer.alloc(0) }));
    destroyLater(socket);
  }

  /** The handshake has failed. */
  #failed(error: Error, socket: TLSSocket): void {
    const { code } = error as NodeJS.ErrnoException;
    // Node closes it when the alert is written, but not where there is none; it must not stay at the door.
    destroyLater(socket);
    // Somebody has come and gone without a word, or with half of one: whoever looks for open ports does.
    if (code === "ECONNRESET" || code === "EPIPE") return;
    if (code === "ERR_TLS_HANDSHAKE_TIMEOUT") return this.#turnedAway.add(addressOf(socket));
    this.#count(socket, this.#passport.claimOf(socket), this.#passport.whyNot(socket, error));
  }

  #count(socket: TLSSocket, name: string | null, reason: string): void {
    this.#port.authFailed();
    const who = name === null ? "somebody" : JSON.stringify(name.slice(0, LONGEST_NAME));
    this.#refused.add({ who, address: addressOf(socket), reason });
  }

  #bucketOf(name: string): Bucket {
    const bucket = this.#buckets.get(name) ?? new Bucket(this.#options.rate, performance.now());
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** A connection that is cut off without an end: keep-alive does not see it while something waits to be sent. */
  #look(): void {
    const now = performance.now();
    for (const [{ bytesRead, bytesWritten }, { client, throttle, silence }] of this.#present) {
      if (throttle.isWaiting) silence.unread(now);
      // Its questions are not read yet. Credit for nothing changes nothing, and is heard.
      if (throttle.hasWaited()) client.link.send(creditOf(0));
      if (!silence.isGone(now, bytesRead, bytesWritten)) continue;
      client.link.destroy("nothing has come from it for too long");
    }
    this.#leaveSlowest();
  }

  #leaveSlowest(): void {
    const links = [...this.#present.values()].map(({ client }) => client.link);
    const unread = links.map((link) => ({ link, bytes: link.unsentBytes }));
    let all = unread.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { link, bytes } of unread.sort((one, other) => other.bytes - one.bytes)) {
      if (all <= this.#limits.mostUnreadBytes) return;
      all -= bytes;
      link.destroy(`it does not read: ${bytes} bytes wait for it, and much for others`);
    }
  }
}

/** It may take so long to be closed in order. */
function destroyLater(socket: TLSSocket): void {
  const late = setTimeout(() => socket.destroy(), GOODBYE_MS).unref();
  socket.once("close", () => clearTimeout(late));
}

function listening(server: net.Server, { host, port }: Listen): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      // Out of file descriptors, say: the connection is lost, the others are not.
      server.on("error", () => {});
      resolve();
    });
  });
}

/**
 * The bus of a supervisor: workers of all apps and other programs on this machine talk through it. It is there while
 * an app runs: its sockets, its members, and what it tells them of workers.
 */

import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { BusCounts } from "../../core/bus/counts.ts";
import { HoldfastError } from "../../errors.ts";
import type { BusSettings } from "../../link/agent-messages.ts";
import {
  BUS,
  BUS_PROTOCOL,
  type BusFrame,
  DEFAULT_LONGEST_BYTES,
  DEFAULT_WINDOW_BYTES,
} from "../../link/bus-frames.ts";
import { packageVersionAbove } from "../../system/places.ts";
import type { AppRunner } from "../app-runner.ts";
import type { Emit } from "../events.ts";
import type { Owner } from "../peer-folder.ts";
import { Client, type ClientPort, SUPERVISOR } from "./client.ts";
import { Desks } from "./desk.ts";
import { Lifecycle } from "./lifecycle.ts";
import { memberOf, Reception } from "./reception.ts";
import { Relay } from "./relay.ts";
import { Roster, stateOf, type Worker } from "./roster.ts";
import { Router } from "./router.ts";
import { type BusSocket, isOwn, openBusSocket } from "./socket.ts";

/** The same kind of fault is told so often at most. */
const TELL_EVERY_MS = 60_000;
/** How long clients may take to read what was said last. */
const GOODBYE_MS = 500;

/** Of an app: none of its workers is left, and none comes. */
const OVER: readonly string[] = ["idle", "stopped"];

export interface BusPort {
  /** Where its socket is; null: in a folder among the system's temporary files. */
  runFolder(): string | null;
  /** All apps, those that are being removed, too. */
  runners(): readonly AppRunner[];
  fault(error: HoldfastError): void;
}

export class Bus {
  readonly counts = new BusCounts();
  /** Between the plain IPC channels of workers. */
  readonly relay: Relay;
  readonly #port: BusPort;
  readonly #roster = new Roster();
  readonly #reception: Reception;
  readonly #lifecycle: Lifecycle;
  /** By the user they are for. */
  readonly #sockets = new Map<string, BusSocket>();
  readonly #clients = new Set<Client>();
  /** When a kind of fault was last told. */
  readonly #told = new Map<string, number>();
  readonly #version = packageVersionAbove(fileURLToPath(import.meta.url)) ?? "";
  readonly #desks = new Desks([]);
  #router: Router;
  #lastMember = SUPERVISOR.id;

  constructor(port: BusPort) {
    this.#port = port;
    this.relay = new Relay(() => port.runners(), this.counts);
    this.#router = this.#newRouter();
    this.#lifecycle = new Lifecycle({
      ...{ roster: this.#roster, router: () => this.#router },
      isOver: () => this.#port.runners().every(({ app }) => OVER.includes(app.status)),
      over: () => void this.close(),
    });
    this.#reception = new Reception({
      ...{ roster: this.#roster, version: this.#version },
      members: () => this.#router.clients.size,
      intruder: (who) => this.#intruder(who),
    });
  }

  /** The socket for what runs as the supervisor's own user; null while there is none. */
  get path(): string | null {
    return this.#sockets.get("")?.path ?? null;
  }

  /** What happens to workers, as listeners are told it. It throws nothing: whoever tells it has other things to do. */
  readonly hear: Emit = (name, ...event) =>
    this.#safely(`the event ${name}`, () => this.#lifecycle.hear(name, ...event));

  /** What a worker about to start needs to come to the bus; null where there is no socket for it. */
  admit(worker: Worker, owner: Owner): BusSettings | null {
    const token = this.#roster.admit(worker);
    const path = this.#pathFor(owner);
    return path === null ? null : { path, token, app: worker.app };
  }

  /** The worker's process is gone, whoever may still hold its connection. */
  ended(worker: number): void {
    const known = this.#roster.forget(worker);
    if (!known) return;
    for (const client of [...known.clients]) {
      this.#safely("a worker that is gone", () => this.#leave(client));
      client.link.destroy("its worker is gone");
    }
  }

  /** The app is gone, and what was known of its workers. */
  forget(app: string): void {
    this.#lifecycle.forget(app);
  }

  /** Lets all members go and removes the sockets. It is there again when a worker is admitted. */
  async close(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    const clients = [...this.#clients];
    // Made anew, so that nothing stays: who comes from now on finds an empty bus.
    this.#router.close();
    this.#router = this.#newRouter();
    this.counts.members = 0;
    const late = setTimeout(() => {
      for (const client of clients) client.link.destroy("the bus is closed");
    }, GOODBYE_MS);
    await Promise.all([this.#desks.close(), ...clients.map((client) => client.link.end())]);
    clearTimeout(late);
  }

  #newRouter(): Router {
    const router = new Router(this.counts, {
      turned: (client, state) => this.#desks.turned(client, state),
      bug: (what, error) => this.#bug(what, error),
    });
    router.join(SUPERVISOR, "ready", null);
    return router;
  }

  #pathFor(owner: Owner): string | null {
    const key = isOwn(owner) ? "" : `${owner.uid}:${owner.gid}`;
    const known = this.#sockets.get(key);
    if (known?.isThere()) return known.path;
    // The old one first: libuv deletes the file of a socket that it closes.
    known?.close();
    this.#sockets.delete(key);
    const made = openBusSocket(this.#port.runFolder(), owner, {
      connected: (socket) => this.#connected(socket),
      fault: (error) => this.#fault("socket", error),
    });
    if (made) this.#sockets.set(key, made);
    return made?.path ?? null;
  }

  #connected(socket: Socket): void {
    // Nor is a client what a supervisor lives for.
    socket.unref();
    const router = this.#router;
    const port: ClientPort = {
      counts: this.counts,
      frame: (client, frame) => {
        if (client.member === null) this.#greet(client, frame);
        else if (router === this.#router) this.#hear(client, frame);
      },
      worked: (client, to) => router.worked(client, to),
      closed: (client) => {
        this.#clients.delete(client);
        this.#reception.gone(client);
        this.#safely("a connection that is closed", () => this.#leave(client));
      },
    };
    const client = new Client(socket, port);
    this.#clients.add(client);
    this.#reception.await(client);
  }

  #greet(client: Client, frame: BusFrame): void {
    const hello = this.#reception.read(client, frame);
    if (!hello) return;
    this.#lastMember += 1;
    const member = memberOf(this.#lastMember, hello);
    const head = {
      ...{ protocol: BUS_PROTOCOL, version: this.#version, member: member.id },
      ...{ window: DEFAULT_WINDOW_BYTES, longest: DEFAULT_LONGEST_BYTES },
    };
    client.send(BUS.hello, 0, head);
    client.join(member, hello.windowBytes, hello.longestBytes);
    hello.worker?.clients.add(client);
    this.#router.join(member, hello.worker ? stateOf(hello.worker) : "ready", client);
  }

  /** A fault of ours ends the one connection it came by. */
  #hear(client: Client, frame: BusFrame): void {
    try {
      if (!this.#desks.hear(client, frame)) this.#router.hear(client, frame);
    } catch (error) {
      this.#bug(`a frame of kind ${frame.kind} on the bus`, error);
      client.link.destroy("the supervisor could not handle what it said");
    }
  }

  /** Where nobody else would catch it, and the supervisor would end. */
  #safely(what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#bug(what, error);
    }
  }

  #bug(where: string, error: unknown): void {
    const what = `${where}: ${(error as Error).message}`;
    this.#fault("bug", new HoldfastError("HF_BUG", { what }, { cause: error }));
  }

  #leave(client: Client): void {
    if (client.member === null) return;
    const { worker } = client.member;
    if (worker !== null) this.#roster.find(worker)?.clients.delete(client);
    this.#router.leave(client);
    this.#desks.left(client);
  }

  #intruder(who: string): void {
    this.counts.authFailures += 1;
    this.#fault("token", new HoldfastError("HF_BUS_TOKEN_WRONG", { who }));
  }

  #fault(kind: string, error: HoldfastError): void {
    const now = performance.now();
    if (now - (this.#told.get(kind) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
    this.#told.set(kind, now);
    this.#port.fault(error);
  }
}

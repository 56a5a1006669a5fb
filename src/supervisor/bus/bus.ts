/**
 * The bus of a supervisor: workers of all apps and other programs on this machine talk through it. It is there while
 * an app runs, or once it is asked for: its sockets, its members, and what it tells them of workers.
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
import { AllDesks } from "./all-desks.ts";
import { Client, type ClientPort, SUPERVISOR } from "./client.ts";
import { Faults } from "./faults.ts";
import { Gate } from "./gate.ts";
import type { Guest } from "./guest.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { QueueSettings } from "./queue-keeper.ts";
import { memberOf, Reception } from "./reception.ts";
import { Relay } from "./relay.ts";
import { Remote } from "./remote.ts";
import { Roster, stateOf, type Told, type Worker } from "./roster.ts";
import { Router } from "./router.ts";
import { Shares } from "./shares.ts";
import { BusSockets } from "./sockets.ts";

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
  /** Other machines reach it at this address. */
  listening?(address: string): void;
  /** Where durable queues are and what they may take; none unless a folder is given. */
  queues?(): Partial<QueueSettings>;
}

export class Bus {
  readonly counts = new BusCounts();
  /** Between the plain IPC channels of workers. */
  readonly relay: Relay;
  /** How other machines come to it. */
  readonly remote: Remote;
  readonly #faults: Faults;
  readonly #gate: Gate;
  readonly #port: BusPort;
  readonly roster = new Roster();
  readonly #reception: Reception;
  readonly #lifecycle: Lifecycle;
  readonly #sockets: BusSockets;
  readonly #clients = new Set<Client>();
  readonly #version = packageVersionAbove(fileURLToPath(import.meta.url)) ?? "";
  readonly #desks: AllDesks;
  #router: Router;
  #lastMember = SUPERVISOR.id;

  constructor(port: BusPort) {
    this.#port = port;
    this.#faults = new Faults((error) => port.fault(error));
    const shares = new Shares({
      router: () => this.#router,
      locks: () => this.counts.locks + this.counts.lockWaiters,
    });
    this.#gate = new Gate(this.counts, shares, (error) => port.fault(error));
    this.remote = new Remote({
      connected: (socket, guest) => this.#connected(socket, guest),
      authFailed: () => {
        this.counts.authFailures += 1;
      },
      fault: (error) => port.fault(error),
      listening: (address) => port.listening?.(address),
    });
    this.relay = new Relay(() => port.runners(), this.counts);
    this.#router = this.#newRouter();
    this.#desks = new AllDesks({
      ...{ counts: this.counts, roster: this.roster, faults: this.#faults },
      queues: () => port.queues?.() ?? {},
    });
    this.#sockets = new BusSockets({
      runFolder: () => port.runFolder(),
      connected: (socket) => void this.#connected(socket),
      fault: (error) => this.#faults.tell("socket", error),
    });
    this.#lifecycle = new Lifecycle({
      ...{ roster: this.roster, router: () => this.#router },
      isOver: () => this.#port.runners().every(({ app }) => OVER.includes(app.status)),
      over: () => void this.close(),
    });
    this.#reception = new Reception({
      ...{ roster: this.roster, version: this.#version },
      members: () => this.#router.clients.size,
      intruder: (who) => {
        this.counts.authFailures += 1;
        this.#faults.tell("token", new HoldfastError("HF_BUS_TOKEN_WRONG", { who }));
      },
    });
  }

  /** The socket for what runs as the supervisor's own user; null while there is none. */
  get path(): string | null {
    return this.#sockets.path;
  }

  /**
   * The same, opened where it is not, also while no app runs: the queues are there all the same. Then it is closed
   * with the last app that stops after that, or with the supervisor. Null where it cannot be opened, which is a fault.
   */
  open(): string | null {
    return this.#sockets.pathFor({ uid: null, gid: null });
  }

  /** What happens to workers, as listeners are told it. It throws nothing: whoever tells it has other things to do. */
  readonly hear: Emit = (name, ...event) =>
    this.#faults.safely(`the event ${name}`, () => this.#lifecycle.hear(name, ...event));

  /** What a worker about to start needs to come to the bus; null where there is no socket for it. */
  admit(worker: Worker, owner: Owner): BusSettings | null {
    const path = this.#sockets.pathFor(owner);
    const token = this.roster.admit(worker, path);
    return path === null ? null : { path, token, app: worker.app };
  }

  /** A worker that another supervisor started: it comes back as it was told then. */
  restore(worker: Worker, owner: Owner, told: Told): void {
    this.roster.restore(worker, told);
    this.#sockets.pathFor(owner, told.path);
  }

  /** The worker's process is gone, whoever may still hold its connection. */
  ended(worker: number): void {
    const known = this.roster.forget(worker);
    this.#desks.ended(worker);
    if (!known) return;
    for (const client of [...known.clients]) {
      this.#faults.safely("a worker that is gone", () => this.#leave(client));
      client.link.destroy("its worker is gone");
    }
  }

  /** The app is gone, and what was known of its workers. */
  forget(app: string): void {
    this.#lifecycle.forget(app);
  }

  /** The same, and nobody comes from other machines any more. */
  async end(): Promise<void> {
    await Promise.all([this.remote.close(), this.close()]);
    this.#gate.close();
  }

  /** Lets all members go and removes the sockets. It is there again when a worker is admitted. */
  async close(): Promise<void> {
    this.#sockets.close();
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
      bug: (what, error) => this.#faults.bug(what, error),
    });
    router.join(SUPERVISOR, "ready", null);
    return router;
  }

  #connected(socket: Socket, guest: Guest | null = null): Client {
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
      credit: (client) => this.#desks.credit(client),
      closed: (client) => {
        this.#clients.delete(client);
        this.#reception.gone(client);
        this.#faults.safely("a connection that is closed", () => this.#leave(client));
      },
    };
    const client = new Client(socket, port, guest);
    this.#clients.add(client);
    this.#reception.await(client);
    return client;
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
    client.guest?.arrived();
    this.#router.join(member, hello.worker ? stateOf(hello.worker) : "ready", client);
  }

  /** A fault of ours ends the one connection it came by. */
  #hear(client: Client, frame: BusFrame): void {
    try {
      if (client.guest && !this.#gate.admits(client, client.guest, frame)) return;
      if (!this.#desks.hear(client, frame)) this.#router.hear(client, frame);
    } catch (error) {
      this.#faults.bug(`a frame of kind ${frame.kind} on the bus`, error);
      client.link.destroy("the supervisor could not handle what it said");
    }
  }

  #leave(client: Client): void {
    if (client.member === null) return;
    const { worker } = client.member;
    if (worker !== null) this.roster.find(worker)?.clients.delete(client);
    this.#router.leave(client);
    this.#desks.left(client);
  }
}

/** One namespace over all members: what Socket.IO asks of an adapter is said to all, and done where a member says so. */

import { Adapter, type BroadcastOptions } from "socket.io-adapter";
import { proofOf } from "../core/socket-io/positions.ts";
import type { JoinedText } from "../core/socket-io/sessions.ts";
import type { Entry, PacketMeta } from "../core/socket-io/terms.ts";
import type { Cluster } from "./cluster.ts";
import { detailsOf } from "./details.ts";
import type { ActMeta, Local, Question } from "./local.ts";
import type { Namespace, Packet, ServerSocket } from "./namespace.ts";
import { pack, unpack } from "./wire.ts";

const EVENT = 2;
/** Of which a message to another worker tells. */
const SOCKETS_AT_ONCE = 200;

type Callback = (...args: unknown[]) => void;

export abstract class SpanningAdapter extends Adapter implements Local {
  readonly name: string;
  abstract readonly times: Local["times"];
  protected readonly namespace: Namespace;
  protected readonly cluster: Cluster;

  constructor(nsp: Namespace, cluster: Cluster) {
    super(nsp);
    this.namespace = nsp;
    this.cluster = cluster;
    this.name = nsp.name;
  }

  abstract retell(): void;
  abstract handOver(pid: string): { joined: JoinedText; data: unknown } | null;

  /**
   * Resolves when all that was emitted until now has been passed on to the other workers: from then on the death of this
   * one does not lose it. Resolves as well where there is no bus: what is to be said waits here until there is one.
   * `await io.of("/").adapter.flush()`
   */
  flush(): Promise<void> {
    return this.cluster.flush();
  }

  override serverCount(): Promise<number> {
    return Promise.resolve(this.cluster.serverCount);
  }

  override broadcast(packet: Packet, opts: BroadcastOptions): void {
    const { flags = {} } = opts;
    packet.nsp = this.name;
    // Who acknowledges is known here alone.
    if (flags.local || packet.id !== undefined) {
      return this.cluster.inTurn(() => super.broadcast(this.#proven(packet), opts));
    }
    const isKept = this.times !== null && packet.type === EVENT && !flags.volatile;
    const meta: PacketMeta = {
      nsp: this.name,
      type: packet.type,
      ...aimOf(opts),
      flags: { ...flags },
    };
    const kind = isKept ? "packet" : "fleeting";
    this.cluster.say(kind, meta, pack(packet.data), this.#isDirect(opts));
  }

  override broadcastWithAck(
    packet: Packet,
    opts: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: Callback,
  ): void {
    const flags = opts.flags ?? {};
    const others = this.cluster.others;
    const here = (): void => super.broadcastWithAck(packet, opts, clientCount, ack);
    if (flags.local) {
      this.cluster.inTurn(here);
      for (const _other of others) clientCount(0);
      return;
    }
    const counted = new Set<string>();
    const { data } = packet;
    const id = this.cluster.asks.begin({
      ...{ members: others, timeoutMs: flags.timeout ?? this.cluster.terms.requestTimeoutMs },
      heard: (from, value) => {
        const told = value as { readonly count?: number; readonly ack?: unknown } | null;
        // One who acknowledges with nothing: JSON leaves it out.
        if (told && told.count === undefined) return ack(told.ack);
        counted.add(from);
        clientCount(told?.count ?? 0);
      },
      lost: (from) => void (counted.has(from) || clientCount(0)),
      ended: () => {},
    });
    this.cluster.ask(
      id,
      { what: "acks", nsp: this.name, ...aimOf(opts), flags: { ...flags } },
      data,
    );
    this.cluster.inTurn(here);
  }

  override addSockets(opts: BroadcastOptions, rooms: string[]): void {
    this.#say("join", opts, rooms, () => super.addSockets(opts, rooms));
  }

  override delSockets(opts: BroadcastOptions, rooms: string[]): void {
    this.#say("leave", opts, rooms, () => super.delSockets(opts, rooms));
  }

  override disconnectSockets(opts: BroadcastOptions, close: boolean): void {
    this.#say("disconnect", opts, close, () => super.disconnectSockets(opts, close));
  }

  override async sockets(rooms: Set<string>): Promise<Set<string>> {
    const all = (await this.fetchSockets({ rooms, flags: {} })) as readonly { id: string }[];
    return new Set(all.map(({ id }) => id));
  }

  override async fetchSockets(opts: BroadcastOptions): Promise<unknown[]> {
    const here = (await super.fetchSockets(opts)) as unknown[];
    if (opts.flags?.local) return here;
    const { asks, others, terms } = this.cluster;
    return new Promise((resolve, reject) => {
      const sockets = [...here];
      const timeoutMs = opts.flags?.timeout ?? terms.requestTimeoutMs;
      const id = asks.begin({
        ...{ members: others, timeoutMs },
        heard: (_from, value) => void sockets.push(...((value ?? []) as unknown[])),
        ended: (missing) => (missing.length === 0 ? resolve(sockets) : reject(late(missing))),
      });
      this.cluster.ask(id, { what: "fetch", nsp: this.name, ...aimOf(opts) }, null);
    });
  }

  override serverSideEmit(packet: unknown[]): void {
    const { asks, others, terms } = this.cluster;
    const last = packet.at(-1);
    const ack = typeof last === "function" ? (last as Callback) : null;
    const responses: unknown[] = [];
    const id = asks.begin({
      ...{ members: ack ? others : [], timeoutMs: terms.requestTimeoutMs },
      // Who has no such namespace has nothing to say.
      heard: (_from, value) => void (value && responses.push((value as { said: unknown }).said)),
      ended: (missing) => ack?.(missing.length === 0 ? null : late(missing), responses),
    });
    const flags = { ack: ack !== null };
    const question = { what: "emit" as const, nsp: this.name, rooms: [], except: [], flags };
    if (others.length > 0) this.cluster.ask(id, question, ack ? packet.slice(0, -1) : packet);
  }

  deliver({ kind, meta, body }: Entry, offset: () => string): void {
    const { rooms, except, type, flags = {} } = meta as PacketMeta;
    if (rooms.length > 0 && !rooms.some((room) => this.rooms.has(room))) return;
    const data = unpack(body) as unknown[];
    const isKept = kind === "packet" && this.times !== null;
    if (isKept || this.#isProof(type, data)) data.push(proofOf(offset()));
    const packet = { type, data, nsp: this.name };
    super.broadcast(packet, { rooms: new Set(rooms), except: new Set(except), flags });
  }

  act(kind: "join" | "leave" | "disconnect", { rooms, except, to }: ActMeta): void {
    const opts = { rooms: new Set(rooms), except: new Set(except) };
    if (kind === "join") super.addSockets(opts, [...(to as string[])]);
    else if (kind === "leave") super.delSockets(opts, [...(to as string[])]);
    else super.disconnectSockets(opts, to === true);
  }

  answer(question: Question, body: Uint8Array, reply: (value: unknown, isLast: boolean) => void) {
    const { what, rooms, except, flags = {} } = question;
    const opts = { rooms: new Set(rooms), except: new Set(except), flags };
    const details = (socket: ServerSocket): unknown =>
      detailsOf(socket, (error) =>
        this.cluster.faults.tell("a socket's data cannot be told to other workers", error),
      );
    if (what === "emit") {
      const args = unpack(body) as unknown[];
      if (flags.ack !== true) this.namespace._onServerSideEmit(args);
      else this.namespace._onServerSideEmit([...args, once((said) => reply({ said }, true))]);
    } else if (what === "fetch") {
      void super.fetchSockets(opts).then((sockets) => {
        for (let from = 0; from === 0 || from < sockets.length; from += SOCKETS_AT_ONCE) {
          const to = from + SOCKETS_AT_ONCE;
          reply(sockets.slice(from, to).map(details), to >= sockets.length);
        }
      });
    } else {
      let left = 0;
      const packet = { type: EVENT, data: unpack(body) as unknown[] };
      super.broadcastWithAck(
        packet,
        opts,
        (count) => {
          left = count;
          reply({ count }, count === 0);
        },
        (said: unknown) => {
          left -= 1;
          reply({ ack: said }, left === 0);
        },
      );
    }
  }

  #proven(packet: Packet): Packet {
    const { ledger, positions } = this.cluster;
    // With an acknowledgement, that is what it ends with.
    if (packet.id !== undefined || !this.#isProof(packet.type, packet.data)) return packet;
    return { ...packet, data: [...packet.data, proofOf(ledger.offset(positions))] };
  }

  /** Its client would take the text at its end for what it has had. */
  #isProof(type: number, data: readonly unknown[]): boolean {
    return this.times !== null && type === EVENT && typeof data.at(-1) === "string";
  }

  #say(
    kind: "join" | "leave" | "disconnect",
    opts: BroadcastOptions,
    to: unknown,
    here: () => void,
  ) {
    if (opts.flags?.local) this.cluster.inTurn(here);
    else this.cluster.say(kind, { nsp: this.name, ...aimOf(opts), to });
  }

  /** For one client of this process: nobody else's order depends on it. */
  #isDirect({ rooms, except }: BroadcastOptions): boolean {
    const [room] = rooms;
    return rooms.size === 1 && !except?.size && this.namespace.sockets.has(room as string);
  }
}

function aimOf({ rooms, except }: BroadcastOptions): { rooms: string[]; except: string[] } {
  return { rooms: [...rooms], except: [...(except ?? [])] };
}

function late(missing: readonly string[]): Error {
  return new Error(`timeout reached: missing ${missing.length} responses`);
}

function once(call: Callback): Callback {
  let isCalled = false;
  return (...args) => {
    if (!isCalled) call(...args);
    isCalled = true;
  };
}

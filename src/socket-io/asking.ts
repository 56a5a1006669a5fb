/** A namespace whose servers and clients are asked in all members. */

import type { BroadcastOptions } from "socket.io-adapter";
import type { Aim } from "../core/socket-io/terms.ts";
import { detailsOf } from "./details.ts";
import type { Question } from "./local.ts";
import type { Packet, ServerSocket } from "./namespace.ts";
import { PlacedAdapter } from "./placed.ts";
import { copyOf, unpack } from "./wire.ts";

/** Packets of this type are events. */
export const EVENT = 2;
/** Of which a message to another worker tells. */
const SOCKETS_AT_ONCE = 200;

type Callback = (...args: unknown[]) => void;

export abstract class AskingAdapter extends PlacedAdapter {
  override broadcastWithAck(
    packet: Packet,
    opts: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: Callback,
  ): void {
    const { others } = this.cluster;
    const here = (): void => {
      const run = (aimed: BroadcastOptions): void =>
        super.broadcastWithAck(packet, aimed, clientCount, ack);
      this.inTurn(opts, run, { waits: () => fix(packet) });
    };
    if (opts.flags?.local) {
      here();
      for (const _other of others) clientCount(0);
      return;
    }
    // Where nobody else is known, there is no order to keep; one that comes just now hears it all the same.
    if (others.length === 0) here();
    this.#askForAcks(packet, opts, clientCount, ack);
    if (others.length > 0) here();
  }

  override async sockets(rooms: Set<string>): Promise<Set<string>> {
    const all = (await this.fetchSockets({ rooms, flags: {} })) as readonly { id: string }[];
    return new Set(all.map(({ id }) => id));
  }

  override async fetchSockets(opts: BroadcastOptions): Promise<unknown[]> {
    const here = this.#fetchHere(opts);
    if (opts.flags?.local || this.cluster.others.length === 0) return here;
    return (await Promise.all([here, this.#fetchOthers(opts)])).flat();
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
    // One that is not known yet hears it all the same, where nobody waits for its answer.
    if (ack && others.length === 0) return;
    this.cluster.ask(id, question, ack ? packet.slice(0, -1) : packet);
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

  #askForAcks(
    { data }: Packet,
    opts: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: Callback,
  ): void {
    const { flags = {} } = opts;
    const { asks, others } = this.cluster;
    const counted = new Set<string>();
    const id = asks.begin({
      ...{ members: others, timeoutMs: this.#timeoutOf(opts) },
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
    const question = { what: "acks" as const, nsp: this.name, ...aimOf(opts), flags: { ...flags } };
    this.cluster.ask(id, question, data);
  }

  #timeoutOf({ flags }: BroadcastOptions): number {
    return flags?.timeout ?? this.cluster.terms.requestTimeoutMs;
  }

  /** At once, unless something waits that moves sockets. */
  #fetchHere(opts: BroadcastOptions): Promise<unknown[]> {
    if (!this.roster.hasActs) return super.fetchSockets(opts);
    return new Promise((resolve, reject) => {
      const end = (): void => reject(late([this.cluster.me]));
      const timer = setTimeout(end, this.#timeoutOf(opts)).unref();
      this.inTurn(opts, (aimed) => {
        clearTimeout(timer);
        resolve(super.fetchSockets(aimed));
      });
    });
  }

  #fetchOthers(opts: BroadcastOptions): Promise<unknown[]> {
    const { asks, others } = this.cluster;
    return new Promise((resolve, reject) => {
      const sockets: unknown[] = [];
      const id = asks.begin({
        ...{ members: others, timeoutMs: this.#timeoutOf(opts) },
        heard: (_from, value) => void sockets.push(...((value ?? []) as unknown[])),
        ended: (missing) => (missing.length === 0 ? resolve(sockets) : reject(late(missing))),
      });
      this.cluster.ask(id, { what: "fetch", nsp: this.name, ...aimOf(opts) }, null);
    });
  }
}

/** It is sent as it is now, whatever becomes of the app's objects. */
export function fix(packet: Packet): void {
  packet.data = copyOf(packet.data);
}

/** As it is told to others. */
export function aimOf({ rooms, except }: BroadcastOptions): Aim {
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

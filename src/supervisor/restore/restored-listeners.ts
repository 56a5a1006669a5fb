/** The addresses of an app whose supervisor is gone: its sockets are with an heir, or with its workers. */

import type { ListeningAt } from "../../link/adoption.ts";
import type { Handle } from "../node-internals.ts";
import type { ListenerRecord } from "../roster/records.ts";
import type { Listener } from "../seating.ts";
import { bindAgain, nameOf } from "../shards.ts";
import { BringBack } from "./bring-back.ts";

/** Of what a worker says: an address has one for each slot. */
const SHARDS_MAX = 10_000;

export interface ListenersPort {
  readonly byKey: Map<string, Listener>;
  /** Sends `return` to a worker. */
  giveBack(worker: number, key: string, shard: number): void;
  /** The app has closed its server. */
  close(worker: number, key: string): void;
  /** Seats the workers anew, at one address or at all. */
  seat(key?: string): void;
  /** Sockets have come or gone. */
  changed(): void;
}

export class RestoredListeners {
  readonly #port: ListenersPort;
  readonly #bringBack: BringBack;

  constructor(port: ListenersPort) {
    this.#port = port;
    this.#bringBack = new BringBack({
      ask: (worker, key, shard) => port.giveBack(worker, key, shard),
      regained: (key, shard, handle) => this.#regained(key, shard, handle),
      lost: (key, shard, isHeld) => this.#lost(key, shard, isHeld),
      whole: (key) => {
        port.seat(key);
        port.changed();
      },
    });
  }

  /** Takes up an address with those of its sockets that `take` gives; the others are to come from workers. */
  add(
    { request, sockname, shards: count, openBy }: ListenerRecord,
    take: (shard: number) => Handle | null,
  ): void {
    const shards = Array.from({ length: count }, (_, shard) => take(shard));
    const { key } = request;
    this.#port.byKey.set(key, { request, sockname, shards, openBy: new Set(openBy), seats: [] });
    for (const [shard, handle] of shards.entries()) if (!handle) this.#bringBack.miss(key, shard);
  }

  /** A worker of before: it will say what it has, or be gone. */
  expect(worker: number): void {
    this.#bringBack.await(worker);
  }

  /** It has not said yet what it has: nothing is attached to it, and nothing taken away. */
  expects(worker: number): boolean {
    return this.#bringBack.awaits(worker);
  }

  /** All that were there have been told of. What nobody has is bound anew. */
  begin(): void {
    this.#bringBack.pursue();
    this.#port.changed();
  }

  /** A worker has said where it listens, and what it has of it. `isLeaving`: only what it has is of interest. */
  linked(worker: number, listening: readonly ListeningAt[], isLeaving: boolean): void {
    if (!isLeaving) {
      for (const at of listening) this.#listensAt(worker, at);
      const keys = new Set(listening.map(({ request }) => request.key));
      for (const [key, { openBy }] of [...this.#port.byKey]) {
        // The app has closed it while nobody heard.
        if (!keys.has(key) && openBy.has(worker)) this.#port.close(worker, key);
      }
    }
    this.#bringBack.linked(worker, listening);
    this.#port.seat();
  }

  gone(worker: number): void {
    this.#bringBack.gone(worker);
  }

  /** A worker's answer to `giveBack`: the socket, or that it has none. Nothing in it is trusted. */
  answered(worker: number, key: unknown, shard: unknown, handle: Handle | undefined): void {
    this.#bringBack.answered(worker, key, shard, handle);
  }

  isWhole(key: string): boolean {
    return this.#bringBack.isWhole(key);
  }

  /** Resolves when it is known who has the address; null: it is. */
  settled(key: string): Promise<void> | null {
    // All of it is here: whoever has not spoken yet has nothing that is missing.
    if (this.#port.byKey.has(key) && this.isWhole(key)) return null;
    return this.#bringBack.settled(key);
  }

  close(): void {
    this.#bringBack.close();
  }

  /** The worker holds these shards, whatever was meant for it before. */
  #listensAt(worker: number, { request, shards, isListening }: ListeningAt): void {
    const { byKey } = this.#port;
    if (shards.some((shard) => shard >= SHARDS_MAX)) return;
    if (!byKey.has(request.key)) {
      // Nobody has written it down: it was bound in the last moment.
      if (shards.length === 0) return;
      this.add({ request, sockname: {}, shards: Math.max(...shards) + 1, openBy: [] }, () => null);
    }
    const listener = byKey.get(request.key);
    if (!listener) return;
    if (isListening || shards.length > 0) listener.openBy.add(worker);
    listener.seats = listener.shards.map((_, shard) => {
      const others = (listener.seats[shard] ?? []).filter((other) => other !== worker);
      return shards.includes(shard) ? [...others, worker] : others;
    });
  }

  #regained(key: string, shard: number, handle: Handle): boolean {
    const listener = this.#port.byKey.get(key);
    const name = listener ? nameOf(handle, listener.request, listener.sockname) : null;
    if (!listener || !name) {
      handle.close();
      return false;
    }
    listener.sockname = name;
    listener.shards[shard] = handle;
    return true;
  }

  #lost(key: string, shard: number, isHeld: boolean): boolean {
    const listener = this.#port.byKey.get(key);
    if (!listener) return true;
    const bound = bindAgain(listener.request, listener.sockname, listener.shards);
    if (!bound && isHeld) return false;
    listener.shards[shard] = bound;
    const isLast = this.#bringBack.isWhole(key);
    // Whoever listens on it next binds it, or hears why that cannot be.
    if (isLast && listener.shards.every((each) => each === null)) this.#port.byKey.delete(key);
    return true;
  }
}

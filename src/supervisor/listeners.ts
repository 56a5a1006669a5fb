/**
 * The listening sockets of one app. Each address has shards, bound here and open for the app's life;
 * workers get duplicates and accept. The supervisor itself never accepts a connection.
 */

import type { ListenRequest } from "../link/agent-messages.ts";
import type { Handle } from "./node-internals.ts";
import { RestoredListeners } from "./restore/restored-listeners.ts";
import type { ListenerRecord } from "./roster/records.ts";
import { type Attachments, type Listener, seatAt } from "./seating.ts";
import {
  addressOf,
  areInTheWay,
  bindAll,
  bindShard,
  canReusePort,
  release,
  type Sockname,
} from "./shards.ts";
import { freeStalePath } from "./socket-path.ts";

export interface Bound {
  /** 0, or libuv's negative error number. */
  readonly errno: number;
  readonly sockname: Sockname;
  readonly data: unknown;
}

/** A shard that is here. */
export interface HeldShard {
  readonly key: string;
  readonly shard: number;
  readonly handle: Handle;
}

export class Listeners {
  readonly #byKey = new Map<string, Listener>();
  readonly #freeing = new Map<string, Promise<void>>();
  readonly #attachments: Attachments;
  readonly #changed: () => void;
  /** What was another supervisor's. */
  readonly restored: RestoredListeners;
  #acceptors: readonly number[] = [];
  #isSharded: boolean | null = null;

  /** `changed`: sockets have come or gone. */
  constructor(attachments: Attachments, changed: () => void = () => {}) {
    this.#attachments = attachments;
    this.#changed = changed;
    this.restored = new RestoredListeners({
      ...{ byKey: this.#byKey, changed, giveBack: attachments.giveBack },
      close: (worker, key) => this.close(worker, key),
      seat: (key) => (key === undefined ? this.accept(this.#acceptors) : this.seat(key)),
    });
  }

  /** A worker wants to listen: binds the address for `slots` slots, or shares what is bound. */
  async open(worker: number, request: ListenRequest, slots: number): Promise<Bound> {
    const settled = this.restored.settled(request.key);
    if (settled) await settled;
    const known = this.#byKey.get(request.key);
    if (known) return this.#join(worker, known);
    if (request.port === -1) await this.#freed(String(request.address));
    // Another worker may have bound it meanwhile.
    const found = this.#byKey.get(request.key) ?? this.#bind(request, slots);
    if (typeof found === "number") return { errno: found, sockname: {}, data: null };
    const isNew = !this.#byKey.has(request.key);
    this.#byKey.set(request.key, found);
    const bound = this.#join(worker, found);
    if (isNew) this.#changed();
    return bound;
  }

  /** The app closed the server. When no worker listens any more, connections are refused again. */
  close(worker: number, key: string): void {
    const listener = this.#byKey.get(key);
    if (!listener) return;
    listener.openBy.delete(worker);
    if (listener.openBy.size > 0) return this.#seat(listener);
    this.#byKey.delete(key);
    release(listener.request, listener.shards);
    this.#changed();
  }

  /** The worker is gone or leaving; its addresses stay bound for its siblings and its successor. */
  forget(worker: number): void {
    for (const listener of this.#byKey.values()) listener.openBy.delete(worker);
  }

  /** These workers accept from now on. */
  accept(acceptors: readonly number[]): void {
    this.#acceptors = acceptors;
    for (const listener of this.#byKey.values()) this.#seat(listener);
  }

  /**
   * Attaches every shard to a worker that is about to be ready; the next seating keeps what it should have.
   * Gives the shards.
   */
  welcome(worker: number, key: string): readonly number[] {
    const listener = this.#byKey.get(key);
    if (!listener) return [];
    listener.seats = listener.shards.map((_, shard) => [...(listener.seats[shard] ?? []), worker]);
    return listener.shards.flatMap((handle, shard) => {
      if (!handle) return [];
      this.#attachments.attach(worker, key, shard, handle);
      return [shard];
    });
  }

  /** Seats the workers at a newly opened address. */
  seat(key: string): void {
    const listener = this.#byKey.get(key);
    if (listener) this.#seat(listener);
  }

  /** More slots than shards: new shards are bound; shards are never closed while the app runs. */
  grow(slots: number): void {
    for (const listener of this.#byKey.values()) {
      const port = Number(listener.sockname.port ?? -1);
      while (listener.shards.length > 1 && listener.shards.length < slots) {
        const shard = bindShard(listener.request, port);
        if (typeof shard === "number") break;
        listener.shards.push(shard);
      }
      this.#seat(listener);
    }
    this.#changed();
  }

  /** The worker listens on the address, or with a null key on any. */
  isOpenBy(worker: number, key: string | null): boolean {
    if (key === null) return this.openedBy(worker).length > 0;
    return this.#byKey.get(key)?.openBy.has(worker) ?? false;
  }

  /** The addresses a worker listens on, or is about to. */
  openedBy(worker: number): readonly string[] {
    return [...this.#byKey].flatMap(([key, { openBy }]) => (openBy.has(worker) ? [key] : []));
  }

  /** The app has the address, whoever listens on it now. */
  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** The app is in the way of who asks for this. */
  occupies(request: ListenRequest): boolean {
    return [...this.#byKey.values()].some((taken) => areInTheWay(request, taken));
  }

  /** One of these workers listens on the address. */
  isAnswered(key: string, workers: readonly number[]): boolean {
    return workers.some((worker) => this.isOpenBy(worker, key));
  }

  addresses(): readonly string[] {
    return [...this.#byKey.values()].map(({ request, sockname }) => addressOf(request, sockname));
  }

  /** Every shard that is here. */
  held(): readonly HeldShard[] {
    return [...this.#byKey].flatMap(([key, { shards }]) =>
      shards.flatMap((handle, shard) => (handle ? [{ key, shard, handle }] : [])),
    );
  }

  /** What the next supervisor has to know of them. */
  record(): readonly ListenerRecord[] {
    return [...this.#byKey.values()].map(({ request, sockname, shards, openBy }) => ({
      ...{ request, sockname },
      shards: shards.length,
      openBy: [...openBy],
    }));
  }

  closeAll(): void {
    this.restored.close();
    for (const { request, shards } of this.#byKey.values()) release(request, shards);
    this.#byKey.clear();
    this.#changed();
  }

  /** Once for all workers that ask meanwhile: a second look would take what was bound for the first for stale. */
  #freed(path: string): Promise<void> {
    const freeing =
      this.#freeing.get(path) ?? freeStalePath(path).finally(() => this.#freeing.delete(path));
    this.#freeing.set(path, freeing);
    return freeing;
  }

  #join(worker: number, listener: Listener): Bound {
    listener.openBy.add(worker);
    return { errno: 0, sockname: listener.sockname, data: listener.request.data };
  }

  #bind(request: ListenRequest, slots: number): Listener | number {
    const bound = bindAll(request, slots, () => {
      this.#isSharded ??= canReusePort();
      return this.#isSharded;
    });
    if (typeof bound === "number") return bound;
    return { request, ...bound, openBy: new Set(), seats: [] };
  }

  #seat(listener: Listener): void {
    // Those that have a shard that is missing accept from it meanwhile.
    if (!this.restored.isWhole(listener.request.key)) return;
    const isEligible = (worker: number): boolean =>
      listener.openBy.has(worker) && !this.restored.expects(worker);
    seatAt(listener, this.#acceptors.filter(isEligible), this.#attachments);
  }
}

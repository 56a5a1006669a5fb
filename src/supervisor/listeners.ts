/**
 * The listening sockets of one app. Each address has shards, bound here and open for the app's life;
 * workers get duplicates and accept. The supervisor itself never accepts a connection.
 */

import { assign, type Seats } from "../core/shards.ts";
import type { ListenRequest } from "../link/agent-messages.ts";
import { bindHandle, type Handle, REUSEPORT } from "./node-internals.ts";
import { freeStalePath, removePath } from "./socket-path.ts";

export interface Bound {
  /** 0, or libuv's negative error number. */
  readonly errno: number;
  readonly sockname: Readonly<Record<string, unknown>>;
  readonly data: unknown;
}

/** How workers hear of their shards. */
export interface Attachments {
  attach(worker: number, key: string, shard: number, handle: Handle): void;
  detach(worker: number, key: string, shard: number): void;
}

interface Listener {
  readonly request: ListenRequest;
  readonly sockname: Readonly<Record<string, unknown>>;
  readonly shards: Handle[];
  readonly openBy: Set<number>;
  seats: Seats;
}

export class Listeners {
  readonly #byKey = new Map<string, Listener>();
  readonly #freeing = new Map<string, Promise<void>>();
  readonly #attachments: Attachments;
  #acceptors: readonly number[] = [];
  #isSharded: boolean | null = null;

  constructor(attachments: Attachments) {
    this.#attachments = attachments;
  }

  /** A worker wants to listen: binds the address for `slots` slots, or shares what is bound. */
  async open(worker: number, request: ListenRequest, slots: number): Promise<Bound> {
    const known = this.#byKey.get(request.key);
    if (known) return this.#join(worker, known);
    if (request.port === -1) await this.#freed(String(request.address));
    // Another worker may have bound it meanwhile.
    const found = this.#byKey.get(request.key) ?? this.#bind(request, slots);
    if (typeof found === "number") return { errno: found, sockname: {}, data: null };
    this.#byKey.set(request.key, found);
    return this.#join(worker, found);
  }

  /** The app closed the server. When no worker listens any more, connections are refused again. */
  close(worker: number, key: string): void {
    const listener = this.#byKey.get(key);
    if (!listener) return;
    listener.openBy.delete(worker);
    if (listener.openBy.size > 0) return this.#seat(key, listener);
    this.#byKey.delete(key);
    release(listener);
  }

  /** The worker is gone or leaving; its addresses stay bound for its siblings and its successor. */
  forget(worker: number): void {
    for (const listener of this.#byKey.values()) listener.openBy.delete(worker);
  }

  /** These workers accept from now on. */
  accept(acceptors: readonly number[]): void {
    this.#acceptors = acceptors;
    for (const [key, listener] of this.#byKey) this.#seat(key, listener);
  }

  /** Attaches every shard to a worker that is about to be ready; the next seating keeps what it should have. */
  welcome(worker: number, key: string): void {
    const listener = this.#byKey.get(key);
    if (!listener) return;
    listener.shards.forEach((handle, shard) => {
      this.#attachments.attach(worker, key, shard, handle);
    });
    listener.seats = listener.shards.map((_, shard) => [...(listener.seats[shard] ?? []), worker]);
  }

  /** Seats the workers at a newly opened address. */
  seat(key: string): void {
    const listener = this.#byKey.get(key);
    if (listener) this.#seat(key, listener);
  }

  /** More slots than shards: new shards are bound; shards are never closed while the app runs. */
  grow(slots: number): void {
    for (const [key, listener] of this.#byKey) {
      const port = Number(listener.sockname.port ?? -1);
      while (listener.shards.length > 1 && listener.shards.length < slots) {
        const shard = bindShard(listener.request, port);
        if (typeof shard === "number") break;
        listener.shards.push(shard);
      }
      this.#seat(key, listener);
    }
  }

  /** The worker listens on the address, or with a null key on any. */
  isOpenBy(worker: number, key: string | null): boolean {
    if (key !== null) return this.#byKey.get(key)?.openBy.has(worker) ?? false;
    return [...this.#byKey.values()].some((listener) => listener.openBy.has(worker));
  }

  /** The app has the address, whoever listens on it now. */
  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** One of these workers listens on the address. */
  isAnswered(key: string, workers: readonly number[]): boolean {
    return workers.some((worker) => this.isOpenBy(worker, key));
  }

  addresses(): readonly string[] {
    return [...this.#byKey.values()].map(({ request, sockname }) => addressOf(request, sockname));
  }

  closeAll(): void {
    for (const listener of this.#byKey.values()) release(listener);
    this.#byKey.clear();
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
    // Bound alone first: SO_REUSEPORT would silently share the port with a stranger.
    const first = bindHandle(request.address, request.port, request.addressType, request.flags);
    if (typeof first === "number") return first;
    const sockname: Record<string, unknown> = {};
    first.getsockname?.(sockname);
    const listener: Listener = { request, sockname, shards: [first], openBy: new Set(), seats: [] };
    if (request.port === -1 || slots < 2 || !this.#canShard()) return listener;
    const port = Number(sockname.port);
    first.close();
    listener.shards.length = 0;
    for (let slot = 0; slot < slots; slot++) {
      const shard = bindShard(request, port);
      if (typeof shard !== "number") listener.shards.push(shard);
      else if (listener.shards.length === 0) return shard;
    }
    return listener;
  }

  /** SO_REUSEPORT through libuv: Linux with Node 22.12 or later. Tried, not looked up. */
  #canShard(): boolean {
    this.#isSharded ??= process.platform === "linux" && canReusePort();
    return this.#isSharded;
  }

  #seat(key: string, listener: Listener): void {
    const eligible = this.#acceptors.filter((worker) => listener.openBy.has(worker));
    const seats = assign(listener.shards.length, eligible, listener.seats);
    const previous = listener.seats;
    listener.seats = seats;
    // All newcomers first: no shard is without an acceptor in between.
    seats.forEach((workers, shard) => {
      const handle = listener.shards[shard];
      for (const worker of workers) {
        if (handle && !previous[shard]?.includes(worker))
          this.#attachments.attach(worker, key, shard, handle);
      }
    });
    previous.forEach((workers, shard) => {
      for (const worker of workers) {
        if (!seats[shard]?.includes(worker)) this.#attachments.detach(worker, key, shard);
      }
    });
  }
}

function bindShard(request: ListenRequest, port: number): Handle | number {
  return bindHandle(request.address, port, request.addressType, request.flags | REUSEPORT);
}

function canReusePort(): boolean {
  const first = bindHandle("127.0.0.1", 0, 4, REUSEPORT);
  if (typeof first === "number") return false;
  const name: { port?: number } = {};
  first.getsockname?.(name);
  const second = bindHandle("127.0.0.1", name.port ?? 0, 4, REUSEPORT);
  first.close();
  if (typeof second === "number") return false;
  second.close();
  // Two sockets bound and not listening prove nothing on Node 20, which ignores the flag.
  return hasReusePortFlag();
}

/** Node passes bind flags for IPv4 on, and libuv knows this one, since 22.12 (PR 55408) and 23.1. */
function hasReusePortFlag(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}

function release(listener: Listener): void {
  for (const shard of listener.shards) shard.close();
  if (listener.request.port === -1) removePath(String(listener.request.address));
}

export function addressOf(
  request: ListenRequest,
  sockname: Readonly<Record<string, unknown>>,
): string {
  if (request.port === -1) return String(request.address);
  const host = String(request.address ?? sockname.address ?? "*");
  const port = Number(sockname.port ?? request.port);
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

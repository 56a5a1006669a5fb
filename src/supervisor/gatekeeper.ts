/**
 * Keeps the table of open connections per worker and hands connections over: a worker above its
 * fair share passes a fresh one here, and it goes to the least loaded worker that says it is awake.
 */

import { type Loads, leastLoaded } from "../core/gate.ts";
import type { Handle } from "./node-internals.ts";

/** Changes are gathered this long before all workers hear of them. Milliseconds. */
const TELL_EVERY_MS = 20;
/** A worker that does not take an offer within this time is busy or stopped. Milliseconds. */
const ACCEPT_WITHIN_MS = 50;

/** How the gatekeeper speaks to workers. */
export interface GatePort {
  tell(worker: number, loads: Loads): void;
  offer(worker: number, offer: number, key: string): void;
  /** False when the worker cannot be reached. */
  take(worker: number, key: string, connection: Handle, failed: () => void): void;
}

interface Offer {
  readonly key: string;
  readonly connection: Handle;
  readonly from: number;
  readonly tried: Set<string>;
  to: number;
  timer: NodeJS.Timeout;
}

export class Gatekeeper {
  readonly #port: GatePort;
  readonly #loads = new Map<number, number>();
  readonly #offers = new Map<number, Offer>();
  #nextOffer = 1;
  #timer: NodeJS.Timeout | null = null;

  constructor(port: GatePort) {
    this.#port = port;
  }

  /** These workers accept from now on; the counts of others no longer matter. */
  accept(acceptors: readonly number[]): void {
    for (const worker of this.#loads.keys())
      if (!acceptors.includes(worker)) this.#loads.delete(worker);
    for (const worker of acceptors) if (!this.#loads.has(worker)) this.#loads.set(worker, 0);
    this.#tellSoon();
  }

  heard(worker: number, open: number): void {
    if (!this.#loads.has(worker) || !Number.isSafeInteger(open)) return;
    this.#loads.set(worker, open);
    this.#tellSoon();
  }

  /** A worker passed a connection on. */
  pass(from: number, key: string, connection: Handle): void {
    this.#offerNext(key, connection, from, new Set([String(from)]));
  }

  accepted(worker: number, id: number): void {
    const offer = this.#offers.get(id);
    if (!offer || offer.to !== worker) return;
    this.#forget(id, offer);
    this.#give(worker, offer);
  }

  #offerNext(key: string, connection: Handle, from: number, tried: Set<string>): void {
    const target = leastLoaded(this.#table(), tried);
    // Nobody else is awake: back to where it came from.
    const to = target === null ? from : Number(target);
    const id = this.#nextOffer++;
    const timer = setTimeout(() => this.refused(to, id), ACCEPT_WITHIN_MS);
    const offer: Offer = { key, connection, from, tried, to, timer };
    if (to === from) {
      clearTimeout(timer);
      this.#give(from, offer);
      return;
    }
    this.#offers.set(id, offer);
    this.#port.offer(to, id, key);
  }

  /** The worker is leaving, busy or stopped. */
  refused(worker: number, id: number): void {
    const offer = this.#offers.get(id);
    if (!offer || offer.to !== worker) return;
    this.#forget(id, offer);
    offer.tried.add(String(offer.to));
    this.#offerNext(offer.key, offer.connection, offer.from, offer.tried);
  }

  #give(worker: number, offer: Offer): void {
    this.#loads.set(worker, (this.#loads.get(worker) ?? 0) + 1);
    this.#port.take(worker, offer.key, offer.connection, () => {
      offer.tried.add(String(worker));
      if (worker === offer.from) offer.connection.close();
      else this.#offerNext(offer.key, offer.connection, offer.from, offer.tried);
    });
  }

  #forget(id: number, offer: Offer): void {
    clearTimeout(offer.timer);
    this.#offers.delete(id);
  }

  #table(): Loads {
    return Object.fromEntries([...this.#loads].map(([worker, open]) => [String(worker), open]));
  }

  #tellSoon(): void {
    if (this.#timer || this.#loads.size < 2) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const loads = this.#table();
      for (const worker of this.#loads.keys()) this.#port.tell(worker, loads);
    }, TELL_EVERY_MS);
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    for (const [id, offer] of this.#offers) {
      this.#forget(id, offer);
      offer.connection.close();
    }
  }
}

/**
 * Keeps the table of open connections per worker and hands connections over: a worker above its
 * fair share passes a fresh one here, and it goes to the least loaded worker that says it is awake.
 */

import { type Loads, leastLoaded } from "../core/gate.ts";
import type { Handle } from "./node-internals.ts";

/** Changes are gathered this long before all workers hear of them. Milliseconds. */
const TELL_EVERY_MS = 10;
/** A worker that does not take an offer within this time is busy or stopped. Milliseconds. */
const ACCEPT_WITHIN_MS = 300;

/** How the gatekeeper speaks to workers. */
export interface GatePort {
  /** The worker listens on the address; a null key asks for any. */
  listens(worker: number, key: string | null): boolean;
  tell(worker: number, loads: Loads): void;
  offer(worker: number, offer: number, key: string): void;
  /** `sent` hears whether the worker was reached; then the connection is closed here. */
  take(worker: number, key: string, connection: Handle, sent: (isReached: boolean) => void): void;
}

/** What one worker holds and what is on its way to it. */
interface WorkerLoad {
  /** As it last told: open connections, and how many it had been given by then. */
  open: number;
  taken: number;
  /** Offered and not answered yet. */
  offered: number;
  given: number;
}

interface Offer {
  readonly key: string;
  readonly connection: Handle;
  readonly from: number;
  readonly tried: Set<string>;
  readonly to: number;
  /** Whoever passed it on need not keep it any longer. */
  readonly given: () => void;
  timer: NodeJS.Timeout | null;
}

export class Gatekeeper {
  readonly #port: GatePort;
  readonly #loads = new Map<number, WorkerLoad>();
  readonly #offers = new Map<number, Offer>();
  /** Workers that let an offer pass: nothing more is offered until they speak again. */
  readonly #silent = new Set<number>();
  #nextOffer = 1;
  #timer: NodeJS.Timeout | null = null;

  constructor(port: GatePort) {
    this.#port = port;
  }

  /** These workers accept from now on; the counts of others no longer matter. */
  accept(acceptors: readonly number[]): void {
    for (const worker of this.#loads.keys())
      if (!acceptors.includes(worker)) this.#loads.delete(worker);
    for (const worker of acceptors) {
      if (!this.#loads.has(worker))
        this.#loads.set(worker, { open: 0, taken: 0, offered: 0, given: 0 });
    }
    this.tell();
  }

  /** Tells a worker that is about to accept what the others hold. */
  introduce(worker: number): void {
    if (this.#loads.size > 0) this.#port.tell(worker, this.#listening());
  }

  /** All workers hear now what each of those that listen holds. */
  tell(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#loads.size < 2) return;
    const loads = this.#listening();
    for (const worker of this.#loads.keys()) this.#port.tell(worker, loads);
  }

  heard(worker: number, open: number, taken: number): void {
    const load = this.#loads.get(worker);
    if (!load || !Number.isSafeInteger(open) || !Number.isSafeInteger(taken)) return;
    this.#silent.delete(worker);
    load.open = open;
    load.taken = Math.min(taken, load.given);
    this.#tellSoon();
  }

  /**
   * A worker passed a connection on: to worker `to` if that one accepts, else to whoever has least. `given` is called
   * once when somebody has it, or nobody ever will.
   */
  pass(
    from: number,
    key: string,
    connection: Handle,
    to: unknown = undefined,
    given: () => void = () => {},
  ): void {
    const passed = { key, connection, from, tried: new Set([String(from)]), given };
    const isMeant = typeof to === "number" && this.#loads.has(to) && !this.#silent.has(to);
    if (isMeant && this.#port.listens(to, key)) this.#give(to, { ...passed, to, timer: null });
    else this.#offerNext(passed);
  }

  accepted(worker: number, id: number): void {
    this.#silent.delete(worker);
    const offer = this.#offers.get(id);
    if (!offer || offer.to !== worker) return;
    this.#forget(id, offer);
    this.#give(worker, offer);
  }

  /** The worker will not take it: it is leaving. */
  refused(worker: number, id: number): void {
    const offer = this.#offers.get(id);
    if (!offer || offer.to !== worker) return;
    this.#forget(id, offer);
    this.#next(offer);
  }

  #next(offer: Offer): void {
    offer.tried.add(String(offer.to));
    this.#offerNext(offer);
  }

  #offerNext(passed: Omit<Offer, "to" | "timer">): void {
    const { key, from, tried } = passed;
    const target = leastLoaded(this.#awake(key), tried);
    // Everybody awake says it has enough: then whoever has least, and be it where it came from.
    const to = Number(target ?? leastLoaded(this.#awake(key), new Set()) ?? from);
    const offer: Offer = { ...passed, to, timer: null };
    if (target === null) return this.#give(to, offer);
    this.#offered(to, 1);
    const id = this.#nextOffer++;
    offer.timer = setTimeout(() => this.#unanswered(to, id), ACCEPT_WITHIN_MS);
    this.#offers.set(id, offer);
    this.#port.offer(to, id, key);
  }

  #unanswered(worker: number, id: number): void {
    this.#silent.add(worker);
    this.refused(worker, id);
  }

  /** Workers that can be offered a connection of this address. */
  #awake(key: string): Loads {
    const isAwake = (worker: number): boolean =>
      !this.#silent.has(worker) && this.#port.listens(worker, key);
    return this.#table(isAwake);
  }

  #give(worker: number, offer: Offer): void {
    const load = this.#loads.get(worker);
    if (load) load.given += 1;
    this.#port.take(worker, offer.key, offer.connection, (isReached) => {
      if (isReached) return drop(offer);
      if (load) load.given -= 1;
      // Whoever cannot be reached must speak first: it would be the least loaded one again and again.
      this.#silent.add(worker);
      if (worker === offer.from) drop(offer);
      else this.#next(offer);
    });
  }

  #forget(id: number, offer: Offer): void {
    if (offer.timer) clearTimeout(offer.timer);
    this.#offers.delete(id);
    this.#offered(offer.to, -1);
  }

  #offered(worker: number, change: number): void {
    const load = this.#loads.get(worker);
    if (load) load.offered += change;
  }

  #table(isMeant: (worker: number) => boolean): Loads {
    const total = ({ open, offered, given, taken }: WorkerLoad): number =>
      open + offered + given - taken;
    return Object.fromEntries(
      [...this.#loads].filter(([id]) => isMeant(id)).map(([id, load]) => [String(id), total(load)]),
    );
  }

  #listening(): Loads {
    return this.#table((worker) => this.#port.listens(worker, null));
  }

  #tellSoon(): void {
    if (this.#timer || this.#loads.size < 2) return;
    this.#timer = setTimeout(() => this.tell(), TELL_EVERY_MS);
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    for (const [id, offer] of this.#offers) {
      this.#forget(id, offer);
      drop(offer);
    }
  }
}

/** It is the affair of others from now on. */
function drop({ connection, given }: Offer): void {
  connection.close();
  given();
}

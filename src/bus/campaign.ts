/** One leadership this process wants: it waits for its turn, leads, and waits again, until it is stopped. */

import type { HoldfastError } from "../errors.ts";
import { retryDelayMs } from "../link/bus-dial.ts";
import { BUS, type BusFrame } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import { NOBODY } from "./delivery.ts";
import { errorOf } from "./failure.ts";
import { frameOf } from "./frames-out.ts";
import type { HeldLock } from "./held-lock.ts";
import type { LeadFunction } from "./locks-api.ts";
import type { PartPort } from "./part.ts";
import type { Awaited } from "./pending.ts";

/** After a function that threw; one that has led for as long as the longest wait begins anew. */
const BACKOFF = { baseMs: 1000, capMs: 30_000 };

export interface CampaignEvents {
  /** The supervisor has granted it. */
  granted(grant: Pick<HeldLock, "number" | "name" | "fence">): HeldLock;
  /** It is over, and so is its function. */
  ended(): void;
}

export class Campaign implements Awaited {
  readonly name: string;
  readonly #lead: LeadFunction;
  readonly #port: PartPort;
  readonly #events: CampaignEvents;
  #number = 0;
  #held: HeldLock | null = null;
  /** The function at work, and what comes after it. */
  #term: Promise<void> | null = null;
  #rest: NodeJS.Timeout | null = null;
  #failures = 0;
  #isOver = false;
  /** Null when the supervisor has it, or has had it once. */
  #made: ((error: unknown) => void) | null = null;
  readonly stands: Promise<void>;

  constructor(name: string, lead: LeadFunction, port: PartPort, events: CampaignEvents) {
    this.name = name;
    this.#lead = lead;
    this.#port = port;
    this.#events = events;
    this.stands = new Promise((resolve, reject) => {
      this.#made = (error) => (error === null ? resolve() : reject(error));
    });
    port.keepAlive.hold();
  }

  get isLeading(): boolean {
    return this.#held !== null && !this.#held.signal.aborted;
  }

  /** Asks for it, unless it waits, leads or rests already. */
  begin(link: BusLink | null): void {
    if (link === null || this.#isOver || this.#term || this.#rest || this.#number !== 0) return;
    this.#number = this.#port.number();
    this.#port.pending.add(this.#number, this);
    link.send(frameOf(BUS.lock, this.#number, this.name, { leader: true }));
    if (this.#made) this.#askWhenMade(link);
  }

  heard(frame: BusFrame): boolean {
    const number = this.#number;
    this.#number = 0;
    if (frame.kind === BUS.failure) this.#refused(errorOf(frame, this.name));
    else {
      this.#tellMade(null);
      const fence = Number(frame.head?.fence);
      const held = this.#events.granted({ number, name: this.name, fence });
      this.#held = held;
      // Not within the frame: the next one may say that it is over.
      this.#term = Promise.resolve().then(() => this.#leads(held));
    }
    return true;
  }

  /** The next connection begins it again. */
  lost(): null {
    this.#number = 0;
    return null;
  }

  /** Told to the part as well. */
  failed(): void {}

  /** Where the supervisor has never had it, it was wanted in vain. */
  failUnmade(error: unknown): void {
    if (!this.#made) return;
    this.#tellMade(error);
    this.#end();
  }

  /** There will be no connection any more. */
  fail(error: HoldfastError): void {
    this.#tellMade(error);
    this.#end();
  }

  /** Resolves when its function has ended and another one may lead. */
  async stop(reason: string): Promise<void> {
    if (this.#number !== 0) {
      this.#port.pending.remove(this.#number);
      this.#port.link?.send(frameOf(BUS.unlock, this.#number));
      this.#number = 0;
    }
    this.#tellMade(null);
    this.#held?.warn(reason);
    this.#end();
    await this.#term;
  }

  /** Frames are heard in their order: when this one is answered, the one before it has been. */
  #askWhenMade(link: BusLink): void {
    const number = this.#port.number();
    this.#port.pending.add(number, {
      heard: () => {
        this.#tellMade(null);
        return true;
      },
      lost: () => null,
      failed: () => {},
    });
    link.send(frameOf(BUS.sync, number));
  }

  #refused(error: unknown): void {
    if (this.#made) return this.failUnmade(error);
    this.#tell(error);
    this.#pause();
  }

  async #leads(held: HeldLock): Promise<void> {
    const began = performance.now();
    const { signal, fence } = held;
    let isWilling = true;
    let hasFailed = false;
    try {
      if (!signal.aborted) await this.#lead({ signal, fence });
      isWilling = signal.aborted;
    } catch (error) {
      hasFailed = !isEndBy(signal, error);
      if (hasFailed) this.#tell(error);
    }
    this.#held = null;
    await held.release();
    this.#term = null;
    if (performance.now() - began >= BACKOFF.capMs) this.#failures = 0;
    if (!isWilling) this.#end();
    if (this.#isOver) return this.#letGo();
    if (hasFailed) this.#pause();
    else this.begin(this.#port.link);
  }

  #pause(): void {
    if (this.#isOver) return;
    this.#failures += 1;
    const waitMs = retryDelayMs(this.#failures, Math.random(), BACKOFF);
    // What it stays for meanwhile is the campaign.
    this.#rest = setTimeout(() => {
      this.#rest = null;
      this.begin(this.#port.link);
    }, waitMs).unref();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#rest) clearTimeout(this.#rest);
    if (this.#term === null) this.#letGo();
  }

  #letGo(): void {
    this.#port.keepAlive.release();
    this.#events.ended();
  }

  #tellMade(error: unknown): void {
    this.#made?.(error);
    this.#made = null;
  }

  #tell(error: unknown): void {
    this.#port.events.failed(error, { subject: this.name, from: NOBODY, headers: {} });
  }
}

/** What a function throws that ends as its signal says. */
function isEndBy(signal: AbortSignal, error: unknown): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error as Error | null)?.name === "AbortError";
}

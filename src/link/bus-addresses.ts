/** The addresses a dialler knows: whose turn it is, and what each had to say. */

import type { Duplex } from "node:stream";
import type { BusRefusal } from "./bus-refusal.ts";
import { Round } from "./bus-round.ts";

/** Where somebody answers. */
export interface DialAddress {
  /** As people write it. */
  readonly name: string;
  /** A new connection, or one that is about to be. */
  connect(): Duplex;
  /** The connection's event from which on it is known who is at the other end: no hello before it. */
  readonly securedBy?: string;
  /**
   * What it refuses with may be forged on the way, or may change: once there was a connection, one that refuses is
   * tried again so much later. Unless given, a refusal is for good.
   */
  readonly restMs?: number;
  /** What an error before the other side's hello says of its wanting us; null: it is not reached now. */
  refusal?(error: Error, connection: Duplex): BusRefusal | null;
}

export class Addresses {
  readonly #all: readonly DialAddress[];
  readonly #round: Round;
  /** Why each cannot be had, of those that were tried since one was up, and of those that refuse. */
  readonly #reasons = new Map<number, string>();
  #wasUp = false;

  /** At least one. `random` in [0, 1): which is tried first. */
  constructor(all: readonly DialAddress[], random: number) {
    this.#all = all;
    this.#round = new Round(all.length, random);
  }

  /** Null: all have refused, or rest. */
  get current(): DialAddress | null {
    const place = this.#round.current;
    return place === null ? null : (this.#all[place] as DialAddress);
  }

  /** One has said hello. */
  up(): void {
    this.#wasUp = true;
    for (const place of this.#reasons.keys()) {
      if (this.#round.has(place)) this.#reasons.delete(place);
    }
  }

  /** The current one's turn is over. Gives how many whole rounds have failed; 0: try the next at once. */
  failed(wasSound: boolean): number {
    return this.#round.failed(wasSound);
  }

  /**
   * The current one does not want us. Gives in how many ms one is to be tried: 0 where another is left, null where
   * none is and none will be.
   */
  refused(now: number, random: number): number | null {
    const { restMs } = this.current as DialAddress;
    if (restMs === undefined) this.#round.refused();
    else this.#round.rest(now + restMs * (0.5 + random / 2));
    if (this.current !== null) return 0;
    const until = this.#wasUp ? this.#round.restsUntil : null;
    // Rounded: as a difference of fractions it may be the least bit more than it was.
    return until === null ? null : Math.max(1, Math.round(until - now));
  }

  /** Whose turn it is now. There is one, unless `refused` has said that there will be none. */
  next(now: number): DialAddress {
    this.#round.wake(now);
    // A timer may be early by less than a millisecond.
    if (this.current === null) this.#round.wake(this.#round.restsUntil ?? now);
    return this.current as DialAddress;
  }

  /** The current one's reason; of several addresses it is said whose, and what the others had to say. */
  reasonWith(reason: string): string {
    const place = this.#round.current;
    if (this.#all.length === 1 || place === null) return reason;
    this.#reasons.set(place, `${this.#all[place]?.name}: ${reason}`);
    return [...this.#reasons.values()].join("; ");
  }
}

/** What the supervisor owes an answer to, by number. */

import { PassingMap } from "../core/passing-map.ts";
import { type BusFrame, FETCHED } from "../link/bus-frames.ts";
import type { KeepAlive } from "./keep-alive.ts";
import type { Parcel } from "./outbox.ts";

const HIGHEST = FETCHED - 1;

export interface Awaited {
  /** True: it was the last. Never throws. */
  heard(frame: BusFrame): boolean;
  /** The connection is gone. What it gives back is to be sent once more under the same number. */
  lost(): Parcel | null;
  /** There will be no answer. */
  failed(error: unknown): void;
}

/** Numbers from 1, each not in use: they come round again, and some last as long as the process. */
export class Numbers {
  #last: number;

  constructor(last = 0) {
    this.#last = last;
  }

  next(isTaken: (number: number) => boolean): number {
    do this.#last = this.#last >= HIGHEST ? 1 : this.#last + 1;
    while (isTaken(this.#last));
    return this.#last;
  }
}

export class Pending {
  readonly #keepAlive: KeepAlive;
  readonly #awaited = new PassingMap<number, Awaited>();

  constructor(keepAlive: KeepAlive) {
    this.#keepAlive = keepAlive;
  }

  has(number: number): boolean {
    return this.#awaited.has(number);
  }

  add(number: number, awaited: Awaited): void {
    this.#awaited.set(number, awaited);
    this.#keepAlive.hold();
  }

  remove(number: number): void {
    if (this.#awaited.delete(number)) this.#keepAlive.release();
  }

  /** False: nobody waits for it (any more). */
  heard(frame: BusFrame): boolean {
    const awaited = this.#awaited.get(frame.id);
    if (awaited === undefined) return false;
    if (awaited.heard(frame)) this.remove(frame.id);
    return true;
  }

  /** The connection is gone: fails what cannot be asked twice, gives back what can. Nothing is awaited then. */
  lost(): readonly Parcel[] {
    const again: Parcel[] = [];
    for (const [number, awaited] of this.#awaited) {
      this.remove(number);
      const parcel = awaited.lost();
      if (parcel) again.push(parcel);
    }
    return again;
  }

  fail(error: unknown): void {
    for (const [number, awaited] of this.#awaited) {
      this.remove(number);
      awaited.failed(error);
    }
  }
}

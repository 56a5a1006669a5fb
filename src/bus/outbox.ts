/** What waits for the supervisor to have room. Nothing overtakes: what one sender says comes in its order. */

import { HoldfastError } from "../errors.ts";
import { isWindowed, measureBusFrame, type OutgoingFrame } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import { FrameError } from "../link/frames.ts";
import type { KeepAlive } from "./keep-alive.ts";

/** Without a connection: long enough for a supervisor that comes back, too short to hide that none does. */
const WAITS_WITHOUT_LINK_BYTES = 1024 * 1024;
/** With one: a program that does not wait for its publishes has run so far ahead. */
const WAITS_BYTES = 16 * 1024 * 1024;

/** What the objects around a frame take, roughly. */
const PARCEL_BYTES = 200;

/** Something to be sent in its turn, under credit where its kind needs it. */
export interface Parcel {
  readonly subject: string;
  /** What it takes while it waits, see `waitingBytes`; asked only then, and always the same. */
  readonly bytes: number;
  /** As it is to be sent now; null: it is no longer wanted. */
  frame(): OutgoingFrame | null;
  sent(): void;
  failed(error: unknown): void;
}

export class Outbox {
  readonly #keepAlive: KeepAlive;
  readonly #longestBody: () => number;
  #parcels: Parcel[] = [];
  /** How many at the front are gone: a list is not moved for each. */
  #gone = 0;
  #bytes = 0;
  #isHeld = false;

  constructor(keepAlive: KeepAlive, longestBody: () => number) {
    this.#keepAlive = keepAlive;
    this.#longestBody = longestBody;
  }

  get size(): number {
    return this.#parcels.length - this.#gone;
  }

  /** Sends it now where that is possible, else it waits; where too much waits already it fails. */
  post(parcel: Parcel, link: BusLink | null): void {
    if (this.size === 0 && link && this.#offer(parcel, link)) return;
    const most = link ? WAITS_BYTES : WAITS_WITHOUT_LINK_BYTES;
    if (this.size > 0 && this.#bytes + parcel.bytes > most) {
      parcel.failed(overflow(parcel.subject, link !== null, this.#bytes));
      return;
    }
    this.#parcels.push(parcel);
    this.#bytes += parcel.bytes;
    this.#hold();
  }

  /** Sends it now, as nothing waits before it; false: it has to be posted. Throws HF_BUS_TOO_LARGE. */
  sendNow(frame: OutgoingFrame, link: BusLink): boolean {
    if (this.size > 0) return false;
    try {
      return link.offer(frame);
    } catch (error) {
      throw this.#tooLarge(frame, error);
    }
  }

  /** Before all others, in the order given: they were sent once and are to be sent again. */
  putBack(parcels: readonly Parcel[]): void {
    this.#parcels = [...parcels, ...this.#parcels.slice(this.#gone)];
    this.#gone = 0;
    for (const parcel of parcels) this.#bytes += parcel.bytes;
    this.#hold();
  }

  /** Sends as much as the window takes. */
  flush(link: BusLink): void {
    while (this.size > 0) {
      const parcel = this.#parcels[this.#gone] as Parcel;
      if (!this.#offer(parcel, link)) break;
      this.#gone += 1;
      this.#bytes -= parcel.bytes;
    }
    this.#tidy();
  }

  fail(error: unknown): void {
    const failed = this.#parcels.slice(this.#gone);
    this.#parcels = [];
    this.#gone = 0;
    this.#bytes = 0;
    this.#hold();
    for (const parcel of failed) parcel.failed(error);
  }

  /** False: it has to wait for credit. */
  #offer(parcel: Parcel, link: BusLink): boolean {
    const frame = parcel.frame();
    if (frame === null) return true;
    try {
      if (!isWindowed(frame.kind)) link.send(frame);
      else if (!link.offer(frame)) return false;
    } catch (error) {
      parcel.failed(this.#tooLarge(frame, error));
      return true;
    }
    parcel.sent();
    return true;
  }

  /** It was made before the supervisor said that it takes shorter ones: a link refuses nothing else. */
  #tooLarge({ subject, body }: OutgoingFrame, error: unknown): unknown {
    if (!(error instanceof FrameError)) return error;
    const details = { subject, bytes: Buffer.byteLength(body), limitBytes: this.#longestBody() };
    return new HoldfastError("HF_BUS_TOO_LARGE", details, { cause: error });
  }

  #tidy(): void {
    if (this.#gone === this.#parcels.length || this.#gone > 1000) {
      this.#parcels = this.#parcels.slice(this.#gone);
      this.#gone = 0;
    }
    this.#hold();
  }

  #hold(): void {
    const isHeld = this.size > 0;
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    if (isHeld) this.#keepAlive.hold();
    else this.#keepAlive.release();
  }
}

/** What a frame counts while it waits: head and all. */
export function waitingBytes(frame: OutgoingFrame): number {
  return measureBusFrame(frame).bytes + PARCEL_BYTES;
}

function overflow(subject: string, isUp: boolean, bytes: number): HoldfastError {
  const why = isUp ? "the supervisor takes no more yet" : "there is no connection";
  const reason = `${bytes} bytes wait in this process already, as ${why}`;
  return new HoldfastError("HF_BUS_OVERLOADED", { subject, reason });
}

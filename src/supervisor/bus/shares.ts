/** What all members share: clients from other machines are given of it while less than half is taken. */

import type { ExchangeSizes } from "../../core/bus/exchange.ts";
import { BUS, type BusFrame, FORMAT } from "../../link/bus-frames.ts";
import { holdOf } from "./heads.ts";
import type { Router } from "./router.ts";

/** Halves of what there is room for. */
const WORKED_ON = 50_000;
const HELD = 500;
const HELD_BYTES = 8 * 1024 * 1024;
const VALUES = 5000;
const VALUES_BYTES = 8 * 1024 * 1024;
/** Each member may have 10,000 of these, and one identity has many members. */
const SUBSCRIPTIONS = 100_000;
const LOCKS = 100_000;

export interface SharesPort {
  router(): Router;
  /** Held and waited for. */
  locks(): number;
}

export class Shares {
  readonly #port: SharesPort;

  constructor(port: SharesPort) {
    this.#port = port;
  }

  /** Why there is no room for what a client from another machine says; null: there is. */
  refuses(frame: BusFrame): string | null {
    const { kind, head } = frame;
    switch (kind) {
      case BUS.request:
        return this.#request(head?.hold === true);
      case BUS.publish:
        return this.#publish(frame);
      case BUS.subscribe:
        return this.#sizes().subscriptions < SUBSCRIPTIONS ? null : full("subscriptions");
      case BUS.lock:
        return this.#port.locks() < LOCKS ? null : full("locks");
      default:
        return null;
    }
  }

  #request(isHeld: boolean): string | null {
    const sizes = this.#sizes();
    if (Math.max(sizes.requests, sizes.exchanges) >= WORKED_ON) return full("requests");
    return isHeld && isHoldFull(sizes) ? full("held messages and requests") : null;
  }

  #publish({ head, subject, format, bytes }: BusFrame): string | null {
    if (head === null) return null;
    if (holdOf(head) > 0 && isHoldFull(this.#sizes())) return full("held messages and requests");
    if (head.retain !== true || format === FORMAT.none) return null;
    const hasRoom = this.#port.router().lastValues.hasRoom(subject, bytes, VALUES, VALUES_BYTES);
    return hasRoom ? null : full("last values");
  }

  #sizes(): ExchangeSizes {
    return this.#port.router().sizes;
  }
}

function isHoldFull({ held, heldBytes }: ExchangeSizes): boolean {
  return held >= HELD || heldBytes >= HELD_BYTES;
}

function full(what: string): string {
  return `there are too many ${what} already for more from other machines`;
}

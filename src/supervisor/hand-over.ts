/**
 * Hands connections from one sticky worker to another, as handles and unread. One that cannot be delivered is closed:
 * who sent it finds out by itself, over the socket between the two.
 */

import type { SupervisorMessage } from "../link/agent-messages.ts";
import type { Handle } from "./node-internals.ts";

/** On their way to one worker at once. */
const IN_FLIGHT_MAX = 64;
/** Of what was read of a connection, in base64. */
const LONGEST_HEAD = 128 * 1024;
const LONGEST_ID = 128;

type Handed = Extract<SupervisorMessage, { t: "handed" }>;

/** How workers are reached. */
export interface HandPort {
  /** The app listens on the address, and the worker is one of those that sessions belong to and reads its channel. */
  takes(worker: number, key: string): boolean;
  give(worker: number, message: Handed, connection: Handle, sent: () => void): void;
}

export class HandOver {
  readonly #port: HandPort;
  readonly #inFlight = new Map<number, number>();

  constructor(port: HandPort) {
    this.#port = port;
  }

  /** A worker's `hand`: nothing in it is trusted. */
  hear(from: number, message: unknown, connection: Handle | undefined): void {
    if (!connection) return;
    const hand = handIn(message);
    const underWay = this.#inFlight.get(hand?.to ?? from) ?? 0;
    const isOpen = hand !== null && hand.to !== from && underWay < IN_FLIGHT_MAX;
    if (!isOpen || !this.#port.takes(hand.to, hand.key)) return connection.close();
    const { to, ...rest } = hand;
    this.#inFlight.set(to, underWay + 1);
    this.#port.give(to, { t: "handed", ...rest }, connection, () => {
      this.#landed(to);
      connection.close();
    });
  }

  #landed(worker: number): void {
    const left = (this.#inFlight.get(worker) ?? 1) - 1;
    if (left > 0) this.#inFlight.set(worker, left);
    else this.#inFlight.delete(worker);
  }
}

/** Null for what is none. */
function handIn(message: unknown): (Omit<Handed, "t"> & { readonly to: number }) | null {
  const { id, to, key, head } = message as Record<string, unknown>;
  if (typeof id !== "string" || id.length > LONGEST_ID) return null;
  if (typeof key !== "string" || typeof to !== "number" || !Number.isSafeInteger(to)) return null;
  return typeof head === "string" && head.length <= LONGEST_HEAD ? { id, to, key, head } : null;
}

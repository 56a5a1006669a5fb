/** Watching last values: the present ones first, then each as it comes, none before an older one of its subject. */

import type { BusMessage } from "./api.ts";

export interface Seen {
  readonly data: unknown;
  readonly message: BusMessage;
}

/** What is heard while the present values are being fetched waits; of each subject the newest counts. */
export class WatchGate {
  readonly #pass: (seen: Seen) => unknown;
  /** By subject; null: the gate is open. */
  #waiting: Map<string, Seen> | null = new Map();

  constructor(pass: (seen: Seen) => unknown) {
    this.#pass = pass;
  }

  /** The present values are fetched (again). */
  shut(): void {
    this.#waiting ??= new Map();
  }

  /** What is heard later is newer: one connection keeps the order. */
  heard(seen: Seen): unknown {
    if (this.#waiting === null) return this.#pass(seen);
    this.#waiting.set(seen.message.subject, seen);
    return undefined;
  }

  /** All present values have been heard. */
  open(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    for (const seen of waiting?.values() ?? []) void this.#pass(seen);
  }
}

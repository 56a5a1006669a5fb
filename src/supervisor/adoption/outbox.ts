/** What is to be said to a worker that is not linked, in order and within bounds. */

import type { Handle } from "../node-internals.ts";

export interface Waiting {
  readonly message: unknown;
  readonly handle: Handle | undefined;
  readonly sent: (error: Error | null) => void;
}

/** A worker that takes part in everything is told some ten things while it is away. */
const WAITING_MAX = 1000;

export class Outbox {
  readonly #waiting: Waiting[] = [];

  /** `sent` hears an error at once where too much waits already. */
  add(waiting: Waiting): void {
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push(waiting);
    else waiting.sent(new Error("too much waits for the worker"));
  }

  /** All that waits, oldest first. */
  takeAll(): readonly Waiting[] {
    return this.#waiting.splice(0);
  }

  /** Nothing of it will ever be said. */
  fail(error: Error): void {
    for (const { sent } of this.#waiting.splice(0)) sent(error);
  }
}

/** Promises over a state that changes elsewhere: each waiter looks again after every change. */

import { HoldfastError } from "../errors.ts";

interface Waiter {
  /** True when it has been settled. */
  look(): boolean;
}

export class Waiters {
  readonly #waiting = new Set<Waiter>();

  /** Every waiter looks at the state. */
  look(): void {
    for (const waiter of this.#waiting) if (waiter.look()) this.#waiting.delete(waiter);
  }

  /**
   * Resolves with the first value that `look` returns other than undefined, rejects with what it
   * throws, or with HF_ABORTED when the signal fires; the work itself goes on.
   */
  until<Value>(
    look: () => Value | undefined,
    action: string,
    signal?: AbortSignal,
  ): Promise<Value> {
    return new Promise((resolve, reject) => {
      const settle = (): boolean => {
        try {
          const value = look();
          if (value === undefined) return false;
          resolve(value);
        } catch (error) {
          reject(error);
        }
        signal?.removeEventListener("abort", abort);
        return true;
      };
      const waiter: Waiter = { look: settle };
      const abort = (): void => {
        this.#waiting.delete(waiter);
        reject(new HoldfastError("HF_ABORTED", { action }));
      };
      if (signal?.aborted) return abort();
      if (settle()) return;
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.add(waiter);
    });
  }
}

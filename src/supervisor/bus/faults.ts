/** What goes wrong on the bus: told, but the same kind not again and again, and never in the way of the rest. */

import { HoldfastError } from "../../errors.ts";

/** The same kind of fault is told so often at most. */
const TELL_EVERY_MS = 60_000;

export class Faults {
  readonly #tell: (error: HoldfastError) => void;
  /** When a kind of fault was last told. */
  readonly #told = new Map<string, number>();

  constructor(tell: (error: HoldfastError) => void) {
    this.#tell = tell;
  }

  tell(kind: string, error: HoldfastError): void {
    const now = performance.now();
    if (now - (this.#told.get(kind) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
    this.#told.set(kind, now);
    this.#tell(error);
  }

  bug(where: string, error: unknown): void {
    const what = `${where}: ${(error as Error).message}`;
    this.tell("bug", new HoldfastError("HF_BUG", { what }, { cause: error }));
  }

  /** Where nobody else would catch it, and the supervisor would end. */
  safely(what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.bug(what, error);
    }
  }
}

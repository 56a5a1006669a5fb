/** Tells what no caller waits for: to who listens to the adapter's "error", or else as a warning of the process. */

import { HoldfastError } from "../errors.ts";

export interface Ear {
  listenerCount(event: string): number;
  emit(event: string, error: unknown): boolean;
}

const AGAIN_AFTER_MS = 60_000;
const PASSING = ["HF_BUS_CONNECTION_LOST", "HF_BUS_OVERLOADED"];
const FINAL = ["HF_BUS_CLOSED", "HF_BUS_REFUSED"];

export class Faults {
  readonly #ears: () => Iterable<Ear>;
  readonly #told = new Map<string, number>();

  constructor(ears: () => Iterable<Ear>) {
    this.#ears = ears;
  }

  /** `sort`: by it the same is known, where what is told has numbers or names in it. */
  tell(what: string, error?: unknown, sort = what): void {
    const reason =
      error === undefined ? "" : `: ${error instanceof Error ? error.message : String(error)}`;
    const fault = new Error(`${what}${reason}`, error === undefined ? {} : { cause: error });
    const listening = [...this.#ears()].filter((ear) => ear.listenerCount("error") > 0);
    for (const ear of listening) inform(ear, fault);
    if (listening.length > 0) return;
    // The same thing again and again would bury everything else.
    const now = Date.now();
    if (now - (this.#told.get(sort) ?? 0) < AGAIN_AFTER_MS) return;
    this.#told.set(sort, now);
    process.emitWarning(fault.message, { type: "HoldfastSocketIoWarning" });
  }
}

/** A listener's own fault is the app's, as any other that nobody catches: what was under way here goes on. */
function inform(ear: Ear, fault: Error): void {
  try {
    ear.emit("error", fault);
  } catch (thrown) {
    process.nextTick(() => {
      throw thrown;
    });
  }
}

export function codeOf(error: unknown): string | null {
  return error instanceof HoldfastError ? error.code : null;
}

/** It may be otherwise in a moment. */
export function isPassing(code: string | null): boolean {
  return code !== null && PASSING.includes(code);
}

/** There will be no bus any more. */
export function isFinal(code: string | null): boolean {
  return code !== null && FINAL.includes(code);
}

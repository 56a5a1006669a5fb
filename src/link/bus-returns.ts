/** When a receiver gives credit back: at once where there is much of it, else along with what it says next. */

import { Intake } from "./bus-window.ts";

export interface ReturnsOptions {
  readonly windowBytes: number;
  readonly creditWaitsMs?: number;
}

export class Returns {
  readonly #intake: Intake;
  readonly #waitsMs: number;
  readonly #schedule: () => void;
  #timer: NodeJS.Timeout | null = null;

  /** `schedule` has `grant` asked for at the end of the turn; credit that nobody hurries for waits for at most `creditWaitsMs`. */
  constructor({ windowBytes, creditWaitsMs = 0 }: ReturnsOptions, schedule: () => void) {
    this.#intake = new Intake(windowBytes);
    this.#waitsMs = creditWaitsMs;
    this.#schedule = schedule;
  }

  /** A frame has come; false: the sender has gone past its window. */
  took(bytes: number): boolean {
    return this.#intake.took(bytes);
  }

  worked(bytes: number): void {
    const intake = this.#intake;
    intake.worked(bytes);
    if (!intake.isDue) return;
    if (intake.isMuch || this.#waitsMs === 0) return this.#schedule();
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (intake.isDue) this.#schedule();
    }, this.#waitsMs).unref();
  }

  /** What goes back with what leaves now; 0: nothing yet. */
  grant(): number {
    return this.#intake.grant();
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

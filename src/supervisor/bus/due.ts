/** One timer for all deadlines of an exchange, of locks: of whatever knows the first of them. */

export interface Deadlined {
  /** In milliseconds of `performance.now()`; null: nothing has one. */
  nextDeadline(): number | null;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Due {
  readonly #of: Deadlined;
  readonly #expire: (now: number) => void;
  #timer: NodeJS.Timeout | null = null;
  #at = Number.POSITIVE_INFINITY;

  /** `expire` is called when the first deadline has come, with milliseconds of `performance.now()`. */
  constructor(of: Deadlined, expire: (now: number) => void) {
    this.#of = of;
    this.#expire = expire;
  }

  /** Something with a deadline may have come. One that has gone makes the timer come early, no more. */
  look(): void {
    const due = this.#of.nextDeadline();
    if (due === null || due >= this.#at) return;
    this.close();
    this.#at = due;
    const wait = Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(due - performance.now())));
    this.#timer = setTimeout(() => this.#fire(), wait).unref();
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#at = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.close();
    this.#expire(performance.now());
    this.look();
  }
}

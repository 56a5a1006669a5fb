/** What happens often is told seldom: how many times, and the last of them. */

/** Soon after the first, so that a flood is told as one from its beginning. */
const FIRST_AFTER_MS = 1000;
const EVERY_MS = 60_000;

export interface TallyTimes {
  readonly firstAfterMs: number;
  /** No two are nearer to each other. */
  readonly everyMs: number;
}

export class Tally<T> {
  readonly #tell: (times: number, last: T) => void;
  readonly #times: TallyTimes;
  #count = 0;
  #last: T | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    tell: (times: number, last: T) => void,
    times: TallyTimes = { firstAfterMs: FIRST_AFTER_MS, everyMs: EVERY_MS },
  ) {
    this.#tell = tell;
    this.#times = times;
  }

  add(what: T): void {
    this.#count += 1;
    this.#last = what;
    this.#timer ??= setTimeout(() => this.#due(), this.#times.firstAfterMs).unref();
  }

  /** Tells what was not told yet. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#say();
  }

  #due(): void {
    const isQuiet = this.#count === 0;
    this.#say();
    this.#timer = isQuiet ? null : setTimeout(() => this.#due(), this.#times.everyMs).unref();
  }

  #say(): void {
    if (this.#count > 0) this.#tell(this.#count, this.#last as T);
    this.#count = 0;
    this.#last = null;
  }
}

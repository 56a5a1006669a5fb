/** How many frames a second: tokens that grow with time, of which each frame takes one. Pure: `now` in ms is handed in. */

export interface Rate {
  /** Tokens that come in a second. */
  readonly perSecond: number;
  /** So many are kept at most: what may come at once. */
  readonly burst: number;
}

export class Bucket {
  readonly #rate: Rate;
  #tokens: number;
  #at: number;

  /** Full at first. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** Takes one, also where there is none: what has come has come, and is owed. */
  take(now: number): void {
    this.#fill(now);
    this.#tokens -= 1;
  }

  /** Milliseconds until nothing is owed any more; 0: nothing is. */
  waitMs(now: number): number {
    this.#fill(now);
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1000) / this.#rate.perSecond);
  }

  /** A clock that goes back adds nothing, and takes nothing. */
  #fill(now: number): void {
    const { perSecond, burst } = this.#rate;
    const passed = Math.max(0, now - this.#at);
    this.#at = Math.max(this.#at, now);
    this.#tokens = Math.min(burst, this.#tokens + (passed * perSecond) / 1000);
  }
}

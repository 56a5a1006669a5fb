/** One timer for all that is looked at again and again, and the time this supervisor has lived. */

import { type Lived, live } from "../core/health.ts";

interface Entry {
  readonly everyMs: number;
  readonly look: () => void;
  dueAt: number;
}

/** Ticks at the pace of whoever is most in a hurry; without anybody there is no timer. */
export class Pulse {
  readonly #entries = new Set<Entry>();
  #timer: NodeJS.Timeout | null = null;
  #everyMs = Number.POSITIVE_INFINITY;
  #lived: Lived = { now: performance.now(), wall: Date.now(), lived: 0, gaps: 0 };

  /** `look` is called about every `everyMs`; gives the function that ends it. */
  add(everyMs: number, look: () => void): () => void {
    const entry = { everyMs, look, dueAt: performance.now() + everyMs };
    this.#entries.add(entry);
    this.#arm();
    return () => {
      this.#entries.delete(entry);
      this.#arm();
    };
  }

  /**
   * The time lived up to now. Ask before acting on any news: what was heard after a gap was not late.
   */
  lived(): Lived {
    this.#lived = live(this.#lived, performance.now(), Date.now(), this.#everyMs);
    return this.#lived;
  }

  #arm(): void {
    const everyMs = Math.min(...[...this.#entries].map((entry) => entry.everyMs));
    if (everyMs === this.#everyMs) return;
    // Where nobody looked, time has passed unseen.
    this.lived();
    this.#everyMs = everyMs;
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    if (everyMs !== Number.POSITIVE_INFINITY)
      this.#timer = setInterval(() => this.#tick(), everyMs).unref();
  }

  #tick(): void {
    const { now } = this.lived();
    for (const entry of [...this.#entries]) {
      // A timer may fire a moment early; what is due within half a tick is due.
      if (entry.dueAt - now > this.#everyMs / 2) continue;
      entry.dueAt = now + entry.everyMs;
      entry.look();
    }
  }
}

/** Who dies again and again within seconds is followed later and later; so after some of those one is left to live. */

import { after } from "../support/output.ts";

/** What counts as short, and a little more. */
const SHORT_MS = 1_200;
const SHORT_AT_MOST = 4;

export class Spells {
  #since = performance.now();
  #short = 0;

  /** The next one is there; `isFirst`: whoever came before is not held against it. */
  begun({ isFirst = false } = {}): void {
    this.#since = performance.now();
    if (isFirst) this.#short = 0;
  }

  /** Resolves when the one that is there may be killed. */
  async spare(): Promise<void> {
    const livedMs = (): number => performance.now() - this.#since;
    if (this.#short >= SHORT_AT_MOST) await after(Math.max(0, SHORT_MS - livedMs()));
    this.#short = livedMs() < SHORT_MS ? this.#short + 1 : 0;
  }
}

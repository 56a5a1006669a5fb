/** How late the event loop is, in windows. */

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";

/** Samples come this often; every one waits so long by itself. At 1 ms they cost ten times as much. */
const RESOLUTION_MS = 20;
const NANOSECONDS_PER_MS = 1e6;
/**
 * After a reset Node's histogram does not see what happens up to its next sample (20 to 26): a block that
 * begins there would be in no window at all. One timer of ours looks over that gap.
 */
const GAP_MS = 2 * RESOLUTION_MS;

export class Delay {
  readonly #samples: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  /** How late the look over the gap was. */
  #lateMs = 0;

  /** Samples from now on. Keeps no process alive. */
  constructor() {
    this.#samples.enable();
    this.#lookOverGap();
  }

  /** Milliseconds, since the last call. */
  window(): { readonly delayP99: number; readonly delayMax: number } {
    const samples = this.#samples;
    const delayP99 = delayMs(samples.percentile(99));
    const delayMax = Math.max(delayP99, delayMs(samples.max), this.#lateMs);
    samples.reset();
    this.#lookOverGap();
    return { delayP99, delayMax };
  }

  #lookOverGap(): void {
    const since = performance.now();
    this.#lateMs = 0;
    setTimeout(() => {
      this.#lateMs = Math.max(0, performance.now() - since - GAP_MS);
    }, GAP_MS).unref();
  }
}

/** A window without a sample has the value 0 or NaN. */
function delayMs(nanoseconds: number): number {
  return Math.max(0, (nanoseconds || 0) / NANOSECONDS_PER_MS - RESOLUTION_MS);
}

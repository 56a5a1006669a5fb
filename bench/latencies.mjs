/** Latencies as counts in buckets half a percent wide: cheap to fill, small to send, exact to merge. */

const BUCKETS_PER_E = 200;
const BUCKETS = 20 * BUCKETS_PER_E;

/** @typedef {readonly (readonly [bucket: number, count: number])[]} Counts */

export class Latencies {
  #counts = new Uint32Array(BUCKETS);

  /** @param {number} ms */
  add(ms) {
    const bucket = Math.round(Math.log(Math.max(ms * 1000, 1)) * BUCKETS_PER_E);
    this.#count(Math.min(bucket, BUCKETS - 1), 1);
  }

  /** @param {Counts} counts */
  merge(counts) {
    for (const [bucket, count] of counts) this.#count(bucket, count);
  }

  /** @returns {Counts} */
  counts() {
    return [...this.#counts.entries()].filter(([, count]) => count > 0);
  }

  /**
   * Milliseconds that the given share (0 to 1) of all latencies did not exceed.
   * @param {number} share
   */
  quantile(share) {
    const total = this.#counts.reduce((all, count) => all + count, 0);
    let left = Math.ceil(total * share);
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count;
      if (count > 0 && left <= 0) return Math.exp(bucket / BUCKETS_PER_E) / 1000;
    }
    return Number.NaN;
  }

  /**
   * @param {number} bucket
   * @param {number} count
   */
  #count(bucket, count) {
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
  }
}

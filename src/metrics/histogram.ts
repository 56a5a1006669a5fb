/** Distributions as Prometheus writes them: buckets that include the smaller ones, a sum and a count. Pure. */

import { countIn } from "./merge.ts";

export type Labels = Readonly<Record<string, string | number>>;

/** One line of the exposition; without `metricName` it has the family's own name. */
export interface Sample {
  readonly value: number;
  readonly labels: Labels;
  readonly metricName?: string;
}

/** Values that the supervisor itself observes. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #buckets: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#buckets = [...bounds, 0].fill(0);
  }

  observe(value: number): void {
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const index = found < 0 ? this.#bounds.length : found;
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#sum += value;
  }

  samples(name: string, labels: Labels): Sample[] {
    return histogramSamples(name, labels, this.#bounds, this.#buckets, this.#sum);
  }
}

/** `buckets` holds one count more than there are bounds, each without those of smaller buckets. */
export function histogramSamples(
  name: string,
  labels: Labels,
  bounds: readonly number[],
  buckets: readonly number[],
  sum: number,
): Sample[] {
  let count = 0;
  const lines: Sample[] = [];
  for (const [index, more] of buckets.entries()) {
    count += more;
    const le = bounds[index] ?? "+Inf";
    lines.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count });
  }
  lines.push({ metricName: `${name}_sum`, labels, value: sum });
  lines.push({ metricName: `${name}_count`, labels, value: count });
  return lines;
}

/**
 * A worker's distribution as a vector of counts: the buckets, then the sum. Null for what cannot be one
 * of so many buckets.
 */
export function vectorIn(value: unknown, buckets: number): readonly number[] | null {
  const { sum, buckets: found } = (value ?? {}) as { sum?: unknown; buckets?: unknown };
  if (!Array.isArray(found) || found.length !== buckets) return null;
  const vector = [...found, sum].map(countIn);
  return vector.includes(null) ? null : (vector as number[]);
}

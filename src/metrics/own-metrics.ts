/**
 * The metrics one app's workers keep themselves, merged: counts are summed and outlive their workers,
 * gauges are what the living say now. Pure, and bounded by a number of series.
 */

import type { Sample } from "./histogram.ts";
import { Tally } from "./merge.ts";
import { type OwnLine, type OwnType, ownLinesIn } from "./own-metric.ts";

export interface OwnSample extends Sample {
  readonly name: string;
  readonly help: string;
  readonly type: OwnType;
}

interface Series {
  readonly line: OwnLine;
  readonly index: number;
}

interface Gauges {
  readonly slot: number;
  readonly lines: ReadonlyMap<string, OwnLine>;
}

export class OwnMetrics {
  readonly #counts = new Tally();
  readonly #series = new Map<string, Series>();
  /** By worker, in the order in which they were first heard. */
  readonly #gauges = new Map<number, Gauges>();
  /** Gauge series by how many workers have them. */
  readonly #holders = new Map<string, number>();
  readonly #dropped = new Tally();

  /** Series that did not fit or could not be read, each worker's counted once. */
  get dropped(): number {
    return this.#dropped.at(0);
  }

  /** Series that are kept. */
  get size(): number {
    return this.#series.size + this.#holders.size;
  }

  /** The worker's whole registry; `dropped`: what it left out itself. At most `maxSeries` are kept. */
  hear(
    worker: { readonly id: number; readonly slot: number },
    metrics: unknown,
    dropped: unknown,
    maxSeries: number,
  ): void {
    const { id, slot } = worker;
    const { metrics: found, refused } = ownLinesIn(metrics);
    this.#release(id);
    const gauges = new Map<string, OwnLine>();
    let lost = refused;
    for (const lines of found) {
      const isGauge = lines[0]?.type === "gauge";
      lost += isGauge
        ? this.#hearGauge(lines, slot, gauges, maxSeries)
        : this.#hearCounts(id, lines, maxSeries);
    }
    // In place: who was first heard stays first.
    this.#gauges.set(id, { slot, lines: gauges });
    this.#dropped.hear(id, 0, lost + (typeof dropped === "number" ? dropped : 0));
  }

  /** The worker is gone: its counts stay, its gauges do not. */
  forget(worker: number): void {
    this.#release(worker);
    this.#gauges.delete(worker);
    this.#counts.forget(worker);
    this.#dropped.forget(worker);
  }

  samples(): OwnSample[] {
    const counts = [...this.#series.values()].map(({ line, index }) =>
      sampleOf(line, this.#counts.at(index)),
    );
    return [...counts, ...this.#gaugeSamples()];
  }

  /** A histogram without some of its lines is none: what is new in a metric fits whole, or not at all. */
  #hearCounts(worker: number, lines: readonly OwnLine[], maxSeries: number): number {
    const keyed = lines.map((line) => [keyOf(line), line] as const);
    const fresh = new Map(keyed.filter(([key]) => !this.#series.has(key)));
    const isFull = this.size + fresh.size > maxSeries;
    const isWhole = lines[0]?.type !== "counter";
    for (const [key, line] of isFull && isWhole ? [] : fresh) {
      if (this.size >= maxSeries) break;
      this.#series.set(key, { line: { ...line, value: 0 }, index: this.#series.size });
    }
    let lost = 0;
    for (const [key, line] of keyed) {
      const series = this.#series.get(key);
      if (series) this.#counts.hear(worker, series.index, line.value);
      else lost += 1;
    }
    return lost;
  }

  #hearGauge(
    lines: readonly OwnLine[],
    slot: number,
    kept: Map<string, OwnLine>,
    maxSeries: number,
  ): number {
    let lost = 0;
    for (const line of lines) {
      if (line.aggregator === "omit") continue;
      const own = line.aggregator === "worker" ? withWorker(line, slot) : line;
      const key = keyOf(own);
      const holders = this.#holders.get(key) ?? 0;
      if (kept.has(key)) continue;
      if (holders === 0 && this.size >= maxSeries) lost += 1;
      else {
        this.#holders.set(key, holders + 1);
        kept.set(key, own);
      }
    }
    return lost;
  }

  #release(worker: number): void {
    for (const key of this.#gauges.get(worker)?.lines.keys() ?? []) {
      const holders = (this.#holders.get(key) ?? 0) - 1;
      if (holders > 0) this.#holders.set(key, holders);
      else this.#holders.delete(key);
    }
  }

  #gaugeSamples(): OwnSample[] {
    const byKey = new Map<string, OwnLine[]>();
    for (const { lines } of this.#gauges.values()) {
      for (const [key, line] of lines) byKey.set(key, [...(byKey.get(key) ?? []), line]);
    }
    return [...byKey.values()].map((lines) => sampleOf(lines[0] as OwnLine, aggregate(lines)));
  }
}

/** The name, the type and the labels, whatever order they came in. */
function keyOf({ type, metricName, labels }: OwnLine): string {
  return `${type} ${metricName} ${JSON.stringify(labels)}`;
}

function withWorker(line: OwnLine, slot: number): OwnLine {
  return { ...line, labels: { ...line.labels, worker: String(slot) } };
}

function sampleOf({ name, help, type, metricName, labels }: OwnLine, value: number): OwnSample {
  return { name, help, type, metricName, labels, value };
}

/** `lines` holds one line of each worker that has the gauge, the one heard longest first. */
function aggregate(lines: readonly OwnLine[]): number {
  const values = lines.map(({ value }) => value);
  const sum = values.reduce((total, value) => total + value, 0);
  switch (lines[0]?.aggregator) {
    case "first":
      return values[0] ?? 0;
    case "min":
      return values.reduce((least, value) => Math.min(least, value));
    case "max":
      return values.reduce((most, value) => Math.max(most, value));
    case "average":
      return sum / values.length;
    case "worker":
      // During a reload a slot has two: the newer one counts.
      return values.at(-1) ?? 0;
    default:
      return sum;
  }
}

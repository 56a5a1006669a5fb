/** What a registry said, reduced to what can be merged, and to what it may cost. Pure. */

import type { AppMetric } from "../core/stats.ts";

type Series = AppMetric["values"][number];

const TYPES: readonly unknown[] = ["counter", "gauge", "histogram", "summary"];
/** Far below the longest message the supervisor reads (link/ipc-lines.ts). */
const LONGEST_TEXT = 2 * 1024 * 1024;

/** The metrics in a registry's answer; what is none is left out. */
export function metricsIn(answer: unknown): readonly AppMetric[] {
  return Array.isArray(answer) ? answer.filter(isMetric).map(partsOf) : [];
}

/**
 * As many series as are allowed, of metrics in their order. A histogram or summary is kept whole or not at
 * all, so that none lacks a bucket; of two metrics of one name the first is kept.
 */
export function within(
  metrics: readonly AppMetric[],
  most: number,
): { metrics: readonly AppMetric[]; dropped: number } {
  const kept = new Map<string, AppMetric>();
  let [size, text, dropped] = [0, 0, 0];
  for (const metric of metrics) {
    const isWhole = metric.type === "histogram" || metric.type === "summary";
    const length = JSON.stringify(metric.values).length;
    const isTooMuch = kept.has(metric.name) || text + length > LONGEST_TEXT;
    const room = isTooMuch ? 0 : most - size;
    const values = metric.values.slice(0, isWhole && metric.values.length > room ? 0 : room);
    dropped += metric.values.length - values.length;
    // One without a series has a name to tell all the same, unless it lost them here.
    if (isTooMuch || values.length < Math.min(1, metric.values.length)) continue;
    kept.set(metric.name, { ...metric, values });
    size += values.length;
    text += length;
  }
  return { metrics: [...kept.values()], dropped };
}

function isMetric(metric: unknown): metric is AppMetric {
  const { name, type, values } = (metric ?? {}) as Partial<AppMetric>;
  return typeof name === "string" && TYPES.includes(type) && Array.isArray(values);
}

function partsOf({ name, help, type, aggregator, values }: AppMetric): AppMetric {
  const parts = { name, help: String(help ?? ""), type, values: values.filter(isSeries).map(only) };
  return typeof aggregator === "string" ? { ...parts, aggregator } : parts;
}

/** Without a number there is nothing to merge, and JSON knows neither NaN nor Infinity. */
function isSeries(series: unknown): series is Series {
  return Number.isFinite((series as Partial<Series> | null)?.value);
}

/** Without exemplars and time stamps. */
function only({ value, labels, metricName }: Series): Series {
  const parts = { value, labels: plain(labels ?? {}) };
  return typeof metricName === "string" ? { ...parts, metricName } : parts;
}

/** Labels may be anything an app has put there; JSON, and the supervisor, want text or numbers. */
function plain(labels: Readonly<Record<string, unknown>>): Series["labels"] {
  const all = Object.entries(labels);
  const given = labels as Series["labels"];
  if (all.every(([, value]) => typeof value === "string" || Number.isFinite(value))) return given;
  return Object.fromEntries(all.map(([name, value]) => [name, String(value)]));
}

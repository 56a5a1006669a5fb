/** What a worker says of its app's own registry, as far as it can be believed. Pure. */

import { countIn } from "./merge.ts";

export type OwnType = "counter" | "gauge" | "histogram" | "summary";

/** One line of an app's registry. */
export interface OwnLine {
  readonly name: string;
  readonly help: string;
  readonly type: OwnType;
  readonly aggregator: Aggregator;
  /** The name of this line: `name`, or that of a histogram's part. */
  readonly metricName: string;
  /** Sorted by name. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** How a gauge's values become one; `worker`: they do not, each worker has a line of its own. */
export type Aggregator = "sum" | "first" | "min" | "max" | "average" | "omit" | "worker";

const AGGREGATORS: readonly unknown[] = ["sum", "first", "min", "max", "average", "omit"];
const TYPES: readonly unknown[] = ["counter", "gauge", "histogram", "summary"];
/** Names that every Prometheus reads. Ours are ours. */
const NAME = /^(?!holdfast_)[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$/;
const LABEL = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,99}$/;
const LONGEST_VALUE = 500;
const MOST_LABELS = 32;
/** Labels of ours; an app's own of that name is kept under another, as Prometheus does. */
const OURS: readonly string[] = ["app", "worker"];

/**
 * The lines of a message, whole metrics at a time, and how many lines cannot be used. Quantiles of
 * summaries are left out without counting: those of several workers cannot be made into one.
 */
export function ownLinesIn(metrics: unknown): { metrics: OwnLine[][]; refused: number } {
  const found: OwnLine[][] = [];
  let refused = 0;
  for (const metric of Array.isArray(metrics) ? metrics : []) {
    const head = headIn(metric);
    const { values } = (metric ?? {}) as { values?: unknown };
    if (!Array.isArray(values)) refused += 1;
    else if (head === null) refused += values.length;
    else {
      const lines = values.map((value) => lineIn(value, head));
      refused += lines.filter((line) => line === null).length;
      found.push(lines.filter((line) => line !== null && line !== "quantile") as OwnLine[]);
    }
  }
  return { metrics: found, refused };
}

type Head = Pick<OwnLine, "name" | "help" | "type" | "aggregator">;

function headIn(metric: unknown): Head | null {
  const { name, help, type, aggregator } = (metric ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || !NAME.test(name) || !TYPES.includes(type)) return null;
  return {
    name,
    help: typeof help === "string" && help !== "" ? help.slice(0, LONGEST_VALUE) : name,
    type: type as OwnType,
    aggregator: AGGREGATORS.includes(aggregator) ? (aggregator as Aggregator) : "worker",
  };
}

function lineIn(found: unknown, head: Head): OwnLine | "quantile" | null {
  const { value, labels, metricName = head.name } = (found ?? {}) as Record<string, unknown>;
  const part = String(metricName).slice(head.name.length);
  if (head.type === "summary" && part === "") return "quantile";
  const allowed = { counter: [""], gauge: [""], summary: ["_sum", "_count"] };
  const parts = head.type === "histogram" ? ["_bucket", "_sum", "_count"] : allowed[head.type];
  if (metricName !== `${head.name}${part}` || !parts.includes(part)) return null;
  const known = labelsIn(labels ?? {});
  const number = head.type === "gauge" ? finiteIn(value) : countIn(value);
  if (known === null || number === null) return null;
  return { ...head, metricName: `${head.name}${part}`, labels: known, value: number };
}

function finiteIn(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function labelsIn(labels: unknown): Readonly<Record<string, string>> | null {
  if (typeof labels !== "object" || labels === null) return null;
  const entries = Object.entries(labels);
  if (entries.length > MOST_LABELS) return null;
  const found: [string, string][] = [];
  for (const [name, value] of entries) {
    const text = typeof value === "string" || typeof value === "number" ? String(value) : null;
    if (text === null || text.length > LONGEST_VALUE || !LABEL.test(name)) return null;
    found.push([OURS.includes(name) ? `exported_${name}` : name, text]);
  }
  return Object.fromEntries(found.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** How many workers an app has: a fixed number, or a range that follows the load. Pure. */

import type { InstanceRange, Instances, InstancesInput } from "./app.ts";
import { countKind, resolveInstances } from "./instance-count.ts";
import {
  accept,
  duration,
  fault,
  formatDuration,
  type Kind,
  type Reading,
  refuse,
  wholeOf,
} from "./kinds.ts";
import { type Parts, readParts } from "./parts.ts";
import { contentsOf, type Entry, received } from "./received.ts";

/** The option's value: fixed, or a range. */
type Given = Instances | InstanceRange;

const DEFAULTS: InstanceRange = {
  min: 1,
  max: "max",
  target: 0.7,
  upAfterMs: 10_000,
  downAfterMs: 300_000,
};

const RANGE = /^([^.]{1,20}(?:\.\d{1,3}%)?)\.\.([^.]{1,20}(?:\.\d{1,3}%)?)$/;
const EXPECTED = `${countKind.expected}; or a range that follows the load: "2..8", or { "min": 1, "max": "max", "target": 0.7, "upAfter": "10s", "downAfter": "5m" }, which are the defaults of what is left out`;
const TARGET = "a number from 0.1 to 0.9";

const targetKind: Kind<number> = {
  type: "share",
  expected: TARGET,
  read: (value) => {
    const isText = typeof value === "string" && /^0?\.\d{1,6}$/.test(value);
    const number = isText ? Number(value) : value;
    const isIn = typeof number === "number" && number >= 0.1 && number <= 0.9;
    return isIn ? accept(number) : refuse(value, TARGET);
  },
  show: String,
  schema: {
    anyOf: [
      { type: "number", minimum: 0.1, maximum: 0.9 },
      { type: "string", pattern: "^0?\\.\\d{1,6}$" },
    ],
  },
};
/** A sample a second: a window has to hold some. Shorter ones are for tests. */
const windowKind = duration(100);

const PARTS: Parts<InstanceRange> = new Map<string, readonly [keyof InstanceRange, Kind<unknown>]>([
  ["min", ["min", countKind]],
  ["max", ["max", countKind]],
  ["target", ["target", targetKind]],
  ["upAfter", ["upAfterMs", windowKind]],
  ["downAfter", ["downAfterMs", windowKind]],
]);

/** `4`, `"max"`, `-1`, `"50%"`, `"2..8"` or `{ min: 2, max: 8, target: 0.6 }`. */
export const instancesKind: Kind<Given> = {
  type: "instances",
  expected: EXPECTED,
  read: (value) => {
    const [, min, max] = (typeof value === "string" ? RANGE.exec(value) : null) ?? [];
    if (min !== undefined && max !== undefined) return readRange(entriesOf({ min, max }));
    const contents = contentsOf(value);
    if (contents.type === "unusable") return fault(`${contents.why}; expected ${EXPECTED}`);
    if (contents.type === "record" && contents.entries.length > 0)
      return readRange(contents.entries);
    const isCount = contents.type === "plain" && !String(value).includes("..");
    return isCount ? countKind.read(value) : refuse(value, EXPECTED);
  },
  show: (value) => (isRange(value) ? showRange(value) : countKind.show(value)),
  write: instancesInput,
  schema: {
    anyOf: [
      ...(countKind.schema.anyOf as readonly unknown[]),
      { type: "string", pattern: RANGE.source },
      {
        type: "object",
        properties: Object.fromEntries([...PARTS].map(([name, [, kind]]) => [name, kind.schema])),
        additionalProperties: false,
        minProperties: 1,
      },
    ],
  },
};

/** PM2's: 0 is every CPU there. */
export const pm2InstancesKind: Kind<Given> = {
  ...instancesKind,
  read: (value) => (wholeOf(value) === 0 ? accept("max") : instancesKind.read(value)),
};

export function isRange(instances: Given): instances is InstanceRange {
  return typeof instances === "object";
}

/** The bounds on a machine of `cpus` CPUs; both the same where the number is fixed. */
export function boundsOf(
  instances: Given,
  cpus: number,
): { readonly min: number; readonly max: number } {
  const { min, max } = isRange(instances) ? instances : { min: instances, max: instances };
  const least = resolveInstances(min, cpus);
  return { min: least, max: Math.max(least, resolveInstances(max, cpus)) };
}

/** How many slots an app has that had `now`: of a range the nearest in it, the least where it had none. */
export function sizeFor(instances: Given, cpus: number, now: number | null): number {
  const { min, max } = boundsOf(instances, cpus);
  return Math.max(min, Math.min(max, now ?? min));
}

function entriesOf(record: Readonly<Record<string, unknown>>): readonly Entry[] {
  return Object.entries(record).map(([key, value]) => ({ key, value, readable: true }));
}

function readRange(entries: readonly Entry[]): Reading<InstanceRange> {
  const reading = readParts(entries, PARTS);
  if (!reading.ok) return reading;
  const range = { ...DEFAULTS, ...reading.value };
  const { min, max, upAfterMs, downAfterMs } = range;
  const isKnown = typeof min === "number" && min > 0 && typeof max === "number" && max > 0;
  if (isKnown && min > max) {
    return fault(`received ${received(min)} for min, expected at most max, which is ${max}`);
  }
  if (downAfterMs < upAfterMs) {
    const up = formatDuration(upAfterMs);
    const message = `is ${formatDuration(downAfterMs)}, expected at least upAfter, which is ${up}`;
    return fault(message, ".downAfter");
  }
  return accept(range);
}

/** "2..8", and what else is not as usual. */
function showRange(range: InstanceRange): string {
  const { target, upAfterMs, downAfterMs } = range;
  const more = [
    target === DEFAULTS.target ? [] : [`target ${target}`],
    upAfterMs === DEFAULTS.upAfterMs ? [] : [`up after ${formatDuration(upAfterMs)}`],
    downAfterMs === DEFAULTS.downAfterMs ? [] : [`down after ${formatDuration(downAfterMs)}`],
  ].flat();
  return [`${range.min}..${range.max}`, ...more].join(", ");
}

/** As a person would write it. */
export function instancesInput(instances: Given): InstancesInput {
  if (!isRange(instances)) return instances;
  const { min, max, target, upAfterMs, downAfterMs } = instances;
  return { min, max, target, upAfter: upAfterMs, downAfter: downAfterMs };
}

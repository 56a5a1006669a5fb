/** A number of workers: how it is read, and what it means on a machine. Pure. */

import type { Instances } from "./app.ts";
import { accept, fault, type Kind, type Reading, refuse, wholeOf } from "./kinds.ts";
import { received } from "./received.ts";

/** The most workers of one app; past it a machine forks itself to death. */
const MOST_INSTANCES = 1024;
const MOST_PERCENT = 1000;

const INSTANCES = `a whole number from 1 to ${MOST_INSTANCES}, "max" (every CPU), a negative number (-1 is every CPU but one) or a share of the CPUs such as "50%"`;

/** `4`, `"max"`, `-1` or `"50%"`; numbers also as digits. */
export const countKind: Kind<Instances> = {
  type: "number of workers",
  expected: INSTANCES,
  read: (value) => {
    if (value === "max") return accept("max");
    const number = wholeOf(value);
    if (number === 0) {
      return fault(
        `received ${received(value)}; 0 is not accepted, "max" uses every CPU. Expected ${INSTANCES}`,
      );
    }
    if (number !== null && Math.abs(number) <= MOST_INSTANCES) return accept(number);
    return readShare(value) ?? refuse(value, INSTANCES);
  },
  show: String,
  schema: {
    anyOf: [
      { const: "max" },
      { type: "integer", minimum: -MOST_INSTANCES, maximum: MOST_INSTANCES },
      { type: "string", pattern: "^(-?\\d{1,15}|\\d{1,4}(\\.\\d{1,3})?%)$" },
    ],
  },
};

function readShare(value: unknown): Reading<Instances> | null {
  const match = typeof value === "string" ? /^(\d{1,4}(?:\.\d{1,3})?)%$/.exec(value) : null;
  if (match === null) return null;
  const percent = Number(match[1]);
  if (percent >= 1 && percent <= MOST_PERCENT) return accept<Instances>(`${percent}%`);
  return refuse(value, `a share from "1%" to "${MOST_PERCENT}%"`);
}

/**
 * How many slots `instances` means on `cpus` CPUs: always 1 to 1024. A share is rounded to the
 * nearest number; a negative number leaves that many CPUs free.
 */
export function resolveInstances(instances: Instances, cpus: number): number {
  const available = Number.isFinite(cpus) ? Math.max(1, Math.trunc(cpus)) : 1;
  return Math.min(MOST_INSTANCES, Math.max(1, Math.round(asked(instances, available))));
}

function asked(instances: Instances, cpus: number): number {
  if (instances === "max") return cpus;
  if (typeof instances === "string") return (cpus * Number.parseFloat(instances)) / 100;
  return instances < 0 ? cpus + instances : instances;
}

/** What is demanded of figures, and whether they keep to it. */

import { columns, number, withSpread } from "./table.mjs";

/**
 * @typedef {object} Target
 * @property {string} what
 * @property {import("./statistics.mjs").Spread | number} value a spread is judged by its median
 * @property {number} [min]
 * @property {number} [max]
 * @property {string} [unit]
 * @property {boolean} [isDoubtful] the machine was too busy for a verdict to mean much
 */

/** @param {Target} target */
export function isMet({ value, min = -Infinity, max = Infinity }) {
  const judged = typeof value === "number" ? value : value.median;
  return judged >= min && judged <= max;
}

/** @param {readonly Target[]} targets */
export function targetTable(targets) {
  return columns(
    targets.map((target) => {
      const { what, value, min, max, unit = "" } = target;
      const shown =
        typeof value === "number" ? number(value, value % 1 ? 2 : 0) : withSpread(value);
      const limit = min === undefined ? `at most ${max}` : `at least ${min}`;
      const verdict = `${isMet(target) ? "pass" : "MISS"}${target.isDoubtful ? "?" : ""}`;
      return [`${verdict.padEnd(5)} ${what}`, shown, `${limit} ${unit}`.trim()];
    }),
  );
}

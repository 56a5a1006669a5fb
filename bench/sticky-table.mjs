/** The sticky benchmark as text. */

import { of, ratio } from "./rounds.mjs";
import { CASES } from "./sticky-cases.mjs";
import { figuresOf } from "./sticky-figures.mjs";
import { columns, number, withSpread } from "./table.mjs";

/** @type {readonly (readonly [figure: keyof import("./sticky-figures.mjs").Figures, title: string, digits: number])[]} */
const ROWS = [
  ["perSecond", "per second", 0],
  ["p50Ms", "p50 ms", 2],
  ["p99Ms", "p99 ms", 2],
  ["cpuMicros", "CPU us each", 1],
  ["busiestPercent", "busiest worker %", 0],
  ["errors", "errors", 0],
];

/**
 * @param {readonly import("./sticky-figures.mjs").Turn[]} turns
 * @param {import("./sticky-placement.mjs").Placement | undefined} placement
 * @param {string} head
 */
export function stickyTable(turns, placement, head) {
  const parts = CASES.flatMap((one) => caseTable(turns, one));
  const placed = placement ? [placementText(placement)] : [];
  return [head, ...parts, ...placed].join("\n\n");
}

/**
 * @param {readonly import("./sticky-figures.mjs").Turn[]} turns
 * @param {import("./sticky-cases.mjs").Case} one
 */
function caseTable(turns, { name, title, contenders }) {
  const names = contenders.filter((contender) => of(turns, [name, contender]).length > 0);
  if (names.length === 0) return [];
  const figures = names.map((contender) => figuresOf(of(turns, [name, contender])));
  const rows = ROWS.map(([figure, what, digits]) => [
    what,
    ...figures.map((each) => number(each[figure], digits)),
  ]);
  if (figures.some(({ elsewherePerSecond }) => elsewherePerSecond > 0)) {
    const forwarded = figures.map((each) => number(each.elsewherePerSecond, 0));
    rows.splice(1, 0, ["of it forwarded", ...forwarded]);
  }
  const divided = ["`on` by it", ...names.map((contender) => ratioText(turns, name, contender))];
  const more = names.length > 1 && names.includes("on") ? [divided] : [];
  return [`${title}\n${columns([["", ...names], ...rows, ...more])}`];
}

/**
 * @param {readonly import("./sticky-figures.mjs").Turn[]} turns
 * @param {string} which
 * @param {string} contender
 */
function ratioText(turns, which, contender) {
  const found = contender === "on" ? undefined : ratio(turns, [which, "on"], [which, contender]);
  return found ? `${withSpread(found.spread)}${found.isDoubtful ? "?" : ""}` : "-";
}

/** @param {import("./sticky-placement.mjs").Placement} placement */
function placementText({ sessions, each, spread, perSecond, errors }) {
  const failures = Object.entries(errors).map(([what, count]) => `\n  ${count} x ${what}`);
  return (
    `WebSockets without a session, \`placement: "least-loaded"\`\n` +
    `  ${number(sessions, 0)} open, ${each.join(" ")} by worker: most by least ${number(spread, 3)}; ` +
    `${number(perSecond, 0)} opened per second${failures.join("")}`
  );
}

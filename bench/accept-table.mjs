/** The accept benchmark as text. */

import { columns, number, withSpread } from "./table.mjs";

/** @type {Record<import("./turn.mjs").Mode, string>} */
const TITLES = {
  connection: "A new connection for each request",
  "keep-alive": "Keep-alive connections",
};

/** @type {readonly (readonly [metric: import("./accept-figures.mjs").Metric, title: string, digits: number])[]} */
const ROWS = [
  ["perSecond", "requests/s", 0],
  ["p50Ms", "p50 ms", 2],
  ["p99Ms", "p99 ms", 2],
  ["cpuMicros", "CPU us/request", 1],
  ["busiestPercent", "busiest worker %", 0],
];
/** Not worth dividing. */
const UNDIVIDED = "busiestPercent";

/**
 * @param {import("./accept-figures.mjs").Summary} summary
 * @param {readonly string[]} names
 * @param {{ rounds: number, seconds: number, workers: number, connections: number }} setting
 */
export function acceptTable(summary, names, { rounds, seconds, workers, connections }) {
  const head = `${workers} workers, ${connections} connections, ${rounds} rounds of ${seconds} s; medians`;
  const modes = /** @type {import("./turn.mjs").Mode[]} */ (Object.keys(TITLES));
  const parts = modes.map((mode) => `${TITLES[mode]}\n${modeTable(summary.modes[mode], names)}`);
  return [head, ...parts, machineLine(summary)].join("\n\n");
}

/**
 * @param {Record<string, import("./accept-figures.mjs").Figures>} figures
 * @param {readonly string[]} names
 */
function modeTable(figures, names) {
  const compared = names.filter((name) => figures[name]?.ratios);
  const rows = ROWS.map(([metric, title, digits]) => [
    title,
    ...names.map((name) => number(figures[name]?.medians[metric], digits)),
  ]);
  const errors = ["errors", ...names.map((name) => String(figures[name]?.errors))];
  const divided = compared.length === 0 ? "" : `\n\n${ratioTable(figures, compared)}`;
  return columns([["", ...names], ...rows, errors]) + divided;
}

/**
 * @param {Record<string, import("./accept-figures.mjs").Figures>} figures
 * @param {readonly string[]} names
 */
function ratioTable(figures, names) {
  const divided = ROWS.filter(([metric]) => metric !== UNDIVIDED);
  const rows = divided.map(([metric, title]) => [
    title,
    ...names.map((name) => withSpread(figures[name]?.ratios?.[metric])),
  ]);
  const rounds = names.map((name) => {
    const { pairs, isDisturbed } = figures[name] ?? {};
    return `${pairs}${isDisturbed ? " disturbed" : ""}`;
  });
  const head = ["ratio (min..max)", ...names.map((name) => `/ ${name}`)];
  return columns([head, ...rows, ["rounds compared", ...rounds]]);
}

/** @param {import("./accept-figures.mjs").Summary} summary */
function machineLine({ loadShare, othersShare }) {
  const percent = (/** @type {number} */ share) => `${Math.round(share * 100)} %`;
  return `Of the machine's CPU time the load used ${percent(loadShare)}, others ${percent(othersShare)} (medians).`;
}

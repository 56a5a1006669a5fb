/** What a scrape costs the supervisor's event loop, beside prom-client's AggregatorRegistry under node:cluster. */

import { fileURLToPath } from "node:url";
import { run } from "./children.mjs";
import { spread } from "./statistics.mjs";
import { columns, number, withSpread } from "./table.mjs";

const PRIMARY = fileURLToPath(new URL("scrape-primary.mjs", import.meta.url));
const LOOP_MS_MAX = 15;
const WITHIN_MS = 120_000;
/** Real cluster workers are processes of Node: as many as a small machine bears. */
const SIDES = /** @type {const} */ ([
  ["holdfast", 64],
  ["holdfast", 8],
  ["cluster", 8],
]);

/**
 * @typedef {object} Figures
 * @property {string} side
 * @property {number} workers
 * @property {number} series
 * @property {number} bytes
 * @property {number[]} loopMs
 * @property {number[]} cpuMs of all threads
 * @property {number[]} latencyMs
 */

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function scrape({ node, quick, only = ["holdfast", "cluster"], rounds, log }) {
  const scrapes = rounds ?? (quick ? 10 : 50);
  /** @type {Figures[]} */
  const figures = [];
  for (const [side, workers] of SIDES.filter(([name]) => only.includes(name))) {
    log(`${side}: ${workers} workers`);
    const args = [PRIMARY, side, String(workers), String(scrapes)];
    figures.push({ side, workers, ...JSON.parse(await run(node, args, { timeoutMs: WITHIN_MS })) });
  }
  const own = figures.find(({ side }) => side === "holdfast");
  const what = "event loop of the supervisor for a scrape of 64 workers";
  const target = own && { what, value: spread(own.loopMs), max: LOOP_MS_MAX, unit: "ms" };
  return { text: table(figures), targets: target ? [target] : [], failed: [], data: { figures } };
}

/** @param {readonly Figures[]} figures */
function table(figures) {
  const rows = figures.map((one) => [
    `${one.side}, ${one.workers} workers`,
    number(one.series, 0),
    number(one.bytes / 1024, 0),
    withSpread(spread(one.loopMs)),
    withSpread(spread(one.cpuMs)),
    withSpread(spread(one.latencyMs)),
  ]);
  return columns([["", "series", "KiB", "loop ms", "CPU ms", "latency ms"], ...rows]);
}

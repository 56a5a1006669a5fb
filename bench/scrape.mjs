/** What a scrape costs, beside prom-client's AggregatorRegistry under node:cluster and PM2 with its exporter. */

import { fileURLToPath } from "node:url";
import { run } from "./children.mjs";
import { scrapePm2 } from "./scrape-pm2.mjs";
import { spread } from "./statistics.mjs";
import { columns, number, withSpread } from "./table.mjs";

const PRIMARY = fileURLToPath(new URL("scrape-primary.mjs", import.meta.url));
const LOOP_MS_MAX = 15;
const WITHIN_MS = 120_000;
const MOST = 64;
/** Real cluster workers are processes of Node: as many as a small machine bears. */
const SIDES = /** @type {const} */ ([
  ["holdfast", MOST],
  ["holdfast", 8],
  ["cluster", 8],
  ["pm2", 8],
]);

/**
 * @typedef {object} Figures
 * @property {string} side
 * @property {number} workers
 * @property {number} series
 * @property {number} bytes
 * @property {number[]} [loopMs] where it can be known
 * @property {number[]} cpuMs of all threads
 * @property {number[]} latencyMs
 */

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function scrape({ node, quick, only = ["holdfast", "cluster", "pm2"], rounds, log }) {
  const scrapes = rounds ?? (quick ? 10 : 50);
  /** @type {Figures[]} */
  const figures = [];
  /** @type {string[]} */
  const failed = [];
  for (const [side, workers] of SIDES.filter(([name]) => only.includes(name))) {
    log(`${side}: ${workers} workers`);
    try {
      figures.push({ side, workers, ...(await ofSide(side, node, workers, scrapes)) });
    } catch (error) {
      failed.push(
        `${side} with ${workers} workers could not run: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
  const own = figures.find(({ side, workers }) => side === "holdfast" && workers === MOST);
  const what = `event loop of the supervisor for a scrape of ${MOST} workers`;
  const target = own?.loopMs && { what, value: spread(own.loopMs), max: LOOP_MS_MAX, unit: "ms" };
  return { text: table(figures), targets: target ? [target] : [], failed, data: { figures } };
}

/**
 * @param {"holdfast" | "cluster" | "pm2"} side
 * @param {string} node
 * @param {number} workers
 * @param {number} scrapes
 */
async function ofSide(side, node, workers, scrapes) {
  if (side === "pm2") return scrapePm2(node, workers, scrapes);
  const args = [PRIMARY, side, String(workers), String(scrapes)];
  return JSON.parse(await run(node, args, { timeoutMs: WITHIN_MS }));
}

/** @param {readonly Figures[]} figures */
function table(figures) {
  const rows = figures.map((one) => [
    `${one.side}, ${one.workers} workers`,
    number(one.series, 0),
    number(one.bytes / 1024, 0),
    withSpread(one.loopMs && spread(one.loopMs)),
    withSpread(spread(one.cpuMs)),
    withSpread(spread(one.latencyMs)),
  ]);
  return columns([["", "series", "KiB", "loop ms", "CPU ms", "latency ms"], ...rows]);
}

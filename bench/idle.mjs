/** What a supervisor costs while nothing happens. */

import { pause } from "./children.mjs";
import { startContender } from "./contenders.mjs";
import { cpuMsOf, preciseCpuMsOf, statOf, TICK_MS } from "./processes.mjs";
import { mean } from "./statistics.mjs";
import { columns, number } from "./table.mjs";

const WORKERS = 32;
/** Of one CPU: hearing 32 heartbeats a second, and sending one and measuring. */
const PERCENT_MAX = 0.5;

/**
 * @typedef {object} Figures
 * @property {string} contender
 * @property {number} supervisorTicks
 * @property {number} supervisorMs by the scheduler's count
 * @property {number} workerMs mean of the workers, by the scheduler's count
 * @property {number} workerTicks mean of the workers
 */

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function idle({ node, quick, only = ["holdfast", "cluster"], log }) {
  const setting = quick ? { settleSeconds: 2, seconds: 3 } : { settleSeconds: 5, seconds: 10 };
  /** @type {Figures[]} */
  const figures = [];
  /** @type {string[]} */
  const failed = [];
  // Bare reusePort has no supervisor.
  for (const name of only.filter((one) => one !== "reusePort")) {
    try {
      log(`${name}: ${WORKERS} idle workers`);
      figures.push(await watch(name, node, setting));
    } catch (error) {
      failed.push(`${name} could not run: ${error instanceof Error ? error.message : error}`);
    }
  }
  const own = figures.find(({ contender }) => contender === "holdfast");
  const percent = (/** @type {number} */ ms) => ms / (setting.seconds * 10);
  return {
    text: table(figures, setting.seconds),
    targets: own
      ? [
          {
            what: "idle supervisor, % of a CPU",
            value: percent(own.supervisorMs),
            max: PERCENT_MAX,
          },
          { what: "idle worker, % of a CPU", value: percent(own.workerMs), max: PERCENT_MAX },
        ]
      : [],
    failed,
    data: { setting: { ...setting, workers: WORKERS }, figures },
  };
}

/**
 * @param {string} name
 * @param {string} node
 * @param {{ settleSeconds: number, seconds: number }} setting
 * @returns {Promise<Figures>}
 */
async function watch(name, node, { settleSeconds, seconds }) {
  const running = await startContender(name, { node, workers: WORKERS });
  try {
    await pause(settleSeconds * 1000);
    const pids = [...running.roots, ...running.workers];
    const before = new Map(pids.map((pid) => [pid, spent(pid)]));
    await pause(seconds * 1000);
    const used = (/** @type {number} */ pid) => {
      const [now, then] = [spent(pid), before.get(pid)];
      return { ms: now.ms - (then?.ms ?? 0), ticks: now.ticks - (then?.ticks ?? 0) };
    };
    const gone = pids.filter((pid) => statOf(pid) === null);
    if (gone.length > 0) throw new Error(`${gone.length} processes ended while they were watched`);
    const [supervisor = 0] = running.roots;
    return {
      contender: name,
      supervisorTicks: used(supervisor).ticks,
      supervisorMs: used(supervisor).ms,
      workerTicks: mean(running.workers.map((pid) => used(pid).ticks)),
      workerMs: mean(running.workers.map((pid) => used(pid).ms)),
    };
  } finally {
    await running.stop();
  }
}

/** @param {number} pid */
function spent(pid) {
  return { ticks: cpuMsOf([pid]) / TICK_MS, ms: preciseCpuMsOf(pid) };
}

/**
 * @param {readonly Figures[]} figures
 * @param {number} seconds
 */
function table(figures, seconds) {
  const rows = figures.map((one) => [
    one.contender,
    number(one.supervisorTicks, 0),
    number(one.supervisorMs, 2),
    number(one.workerTicks, 2),
    number(one.workerMs, 2),
  ]);
  const head = ["", "supervisor ticks", "ms", "ticks per worker", "ms"];
  return `${WORKERS} idle workers, CPU time in ${seconds} s\n\n${columns([head, ...rows])}`;
}

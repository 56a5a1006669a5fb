/** Memory of a worker after some requests. */

import { pause } from "./children.mjs";
import { startContender } from "./contenders.mjs";
import { memoryOf } from "./processes.mjs";
import { differences, mean, median } from "./statistics.mjs";
import { columns, number, withSpread } from "./table.mjs";
import { ask } from "./workers.mjs";

const WORKERS = 2;
const REQUESTS_PER_WORKER = 200;
const AT_ONCE = 16;
const SETTLE_MS = 1000;
const ADDED_MB_MAX = 4;
const KIB_PER_MB = 1000 / 1.024;

/**
 * @typedef {object} Memory mean of the workers, MB
 * @property {number} pss
 * @property {number} anonymous
 *
 * @typedef {Record<string, Memory[]>} Memories by contender, a sample for each fresh start
 */

/** @type {readonly (readonly [figure: keyof Memory, title: string])[]} */
const FIGURES = [
  ["pss", "PSS"],
  ["anonymous", "of it no file's"],
];

/**
 * Both at once, so that the pages of the binary are shared by as many for the one as for the other.
 * @param {readonly string[]} kinds
 * @param {import("./run.mjs").Options} options
 */
export async function compareMemory(kinds, { node, quick, log }) {
  /** @type {Memories} */
  const memories = Object.fromEntries(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    log(`memory, round ${round + 1}`);
    /** @type {import("./contenders.mjs").Running[]} */
    const running = [];
    try {
      for (const kind of kinds)
        running.push(await startContender(kind, { node, workers: WORKERS }));
      for (const { port } of running) await use(port);
      await pause(SETTLE_MS);
      for (const { name, workers } of running) memories[name]?.push(meanMemory(workers));
    } finally {
      for (const contender of running) await contender.stop();
    }
  }
  return memories;
}

/** @param {number} port */
async function use(port) {
  for (let asked = 0; asked < WORKERS * REQUESTS_PER_WORKER; asked += AT_ONCE) {
    await ask(port, "/", AT_ONCE);
  }
}

/** @param {readonly number[]} pids */
function meanMemory(pids) {
  const all = pids.map(memoryOf);
  return {
    pss: mean(all.map(({ pss }) => pss)) / KIB_PER_MB,
    anonymous: mean(all.map(({ anonymous }) => anonymous)) / KIB_PER_MB,
  };
}

/**
 * @param {Memories} memories
 * @param {keyof Memory} figure
 */
function added({ holdfast, cluster }, figure) {
  if (!holdfast || !cluster) return undefined;
  return differences(
    holdfast.map((one) => one[figure]),
    cluster.map((one) => one[figure]),
  );
}

/** @param {Memories} memories */
export function memoryTable(memories) {
  const kinds = Object.keys(memories);
  const rows = FIGURES.map(([figure, title]) => [
    title,
    ...kinds.map((kind) => number(median((memories[kind] ?? []).map((one) => one[figure])), 1)),
    withSpread(added(memories, figure), 1),
  ]);
  const title = `A worker's memory after ${REQUESTS_PER_WORKER} requests, medians`;
  return `${title}\n\n${columns([["MB", ...kinds, "added (min..max)"], ...rows])}`;
}

/**
 * @param {Memories} memories
 * @returns {import("./targets.mjs").Target[]}
 */
export function memoryTargets(memories) {
  const value = added(memories, "pss");
  return value ? [{ what: "added PSS of a worker", value, max: ADDED_MB_MAX, unit: "MB" }] : [];
}

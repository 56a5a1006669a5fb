/** How evenly many WebSockets without a session are placed among workers. */

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { end, start } from "./children.mjs";
import { sum } from "./statistics.mjs";
import { startSticky } from "./sticky-contenders.mjs";

const CROWD = fileURLToPath(new URL("sticky-crowd.mjs", import.meta.url));
const PROCESSES = 4;
const AT_ONCE = 16;
const WITHIN_MS = 90_000;
/** Beside sessions, what a process has open. */
const SPARE_FILES = 500;

/**
 * @typedef {object} Placement
 * @property {number} sessions that are open at the end
 * @property {number[]} each worker's, of those opened
 * @property {number} spread the most by the least
 * @property {number} perSecond
 * @property {Record<string, number>} errors
 */

/**
 * @param {{ node: string, workers: number, count: number }} setting
 * @returns {Promise<Placement>}
 * @throws where processes may not open so many files, or clients do not come to an end
 */
export async function place({ node, workers, count }) {
  const limit = filesMax();
  // Twice a worker's share: who accepts holds a connection until it is handed over.
  const wanted = (count / Math.min(PROCESSES, workers)) * 2 + SPARE_FILES;
  if (limit < wanted) throw new Error(`${limit} files may be open in a process, not ${wanted}`);
  const running = await startSticky("placed", { node, workers });
  /** @type {import("./children.mjs").Child[]} */
  const crowds = [];
  try {
    const begin = performance.now();
    for (let index = 0; index < PROCESSES; index++) {
      // A source address each: the ports of one would soon be used up.
      const args = { port: running.port, count: count / PROCESSES, atOnce: AT_ONCE };
      const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]);
      const from = ["--from", `127.0.0.${index + 2}`];
      crowds.push(start(node, [CROWD, ...flags, ...from], { ipc: true }));
    }
    const parts = await Promise.all(crowds.map(told));
    return placement(parts, running.workers, (performance.now() - begin) / 1000);
  } finally {
    await Promise.all(crowds.map(end));
    await running.stop();
  }
}

/**
 * @typedef {{ workers: Record<string, number>, errors: Record<string, number>, open: number }} Part
 *
 * @param {import("./children.mjs").Child} crowd
 * @returns {Promise<Part>}
 */
async function told({ process: child, ended, output }) {
  const signal = AbortSignal.timeout(WITHIN_MS);
  const gone = ended.then((code) => {
    throw new Error(`clients ended with ${code}: ${output()}`);
  });
  const [part] = await Promise.race([once(child, "message", { signal }), gone]);
  return part;
}

/**
 * @param {readonly Part[]} parts
 * @param {readonly number[]} pids
 * @param {number} seconds
 * @returns {Placement}
 */
function placement(parts, pids, seconds) {
  const each = pids.map((pid) => sum(parts.map(({ workers }) => workers[pid] ?? 0)));
  /** @type {Record<string, number>} */
  const errors = {};
  for (const [what, count] of parts.flatMap((part) => Object.entries(part.errors))) {
    errors[what] = (errors[what] ?? 0) + count;
  }
  return {
    sessions: sum(parts.map(({ open }) => open)),
    each,
    spread: Math.max(...each) / Math.min(...each),
    perSecond: sum(each) / seconds,
    errors,
  };
}

/** Node raises its own limit to the hard one. */
function filesMax() {
  const { stdout } = spawnSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" });
  return stdout.trim() === "unlimited" ? Infinity : Number(stdout);
}

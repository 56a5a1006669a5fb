/** One contender under one load: started, measured, and taken again where others disturbed it. */

import { fileURLToPath } from "node:url";
import { pause, run } from "./children.mjs";
import { Latencies } from "./latencies.mjs";
import { cpuMsOf, familyOf, machineCpu } from "./processes.mjs";
import { sum } from "./statistics.mjs";

export const LOAD = fileURLToPath(new URL("load.mjs", import.meta.url));
export const CONNECTIONS = 64;
/** More than one, so that a single busy generator does not hide what the servers could do. */
const LOAD_PROCESSES = 2;
const LOAD_SPARE_MS = 15_000;
/** A turn in which other programs used more of the machine than this is taken again, whatever it showed. */
const DISTURBED = 0.05;
const TRIES = 3;
const LOOK_MS = 250;

/**
 * @typedef {"connection" | "keep-alive"} Mode
 *
 * @typedef {(node: string, port: number, mode: Mode, pace: Pace) => Promise<Load>} Loader one process of the load
 *
 * @typedef {object} Turn
 * @property {number} round
 * @property {Mode} mode
 * @property {string} contender
 * @property {number} perSecond requests answered
 * @property {number} elsewherePerSecond of them, by another worker than the connection's, where that is known
 * @property {number} p50Ms
 * @property {number} p99Ms
 * @property {number} cpuMicros CPU time of all the contender's processes for one request
 * @property {number} busiestPercent of the workers' CPU time, used by the busiest: 50 of two is balanced
 * @property {Record<string, number>} errors of all tries
 * @property {number} loadShare of the machine's CPU time, used by the load
 * @property {number} othersShare of the machine's CPU time, used by what is neither contender nor load
 * @property {number} tries
 *
 * @typedef {object} Pace
 * @property {number} rounds
 * @property {number} seconds
 * @property {number} warmup seconds
 *
 * @typedef {object} Patience how long may still be waited for other programs to leave the machine alone
 * @property {number} leftMs
 */

/** @param {Pick<Turn, "othersShare">} turn */
export function isCalm({ othersShare }) {
  return othersShare <= DISTURBED;
}

/**
 * @param {Patience} patience
 * @param {Parameters<typeof oneTurn>} args
 * @returns {Promise<Turn>}
 */
export function calmTurn(patience, ...args) {
  return calmest(patience, () => oneTurn(...args));
}

/**
 * The first turn that others left alone, or the least disturbed of some.
 * @template {{ errors: Record<string, number>, othersShare: number, tries: number }} Taken
 * @param {Patience} patience
 * @param {() => Promise<Taken>} take
 * @returns {Promise<Taken>}
 */
export async function calmest(patience, take) {
  /** @type {Taken[]} */
  const turns = [];
  while (turns.length < TRIES && !turns.some(isCalm)) {
    await calmMoment(patience);
    turns.push(await take());
  }
  const errors = together(turns.map((turn) => turn.errors));
  const [calmest] = turns.sort((a, b) => a.othersShare - b.othersShare);
  return { .../** @type {Taken} */ (calmest), errors, tries: turns.length };
}

/**
 * New processes for each turn: what V8 happens to make of a program lasts as long as its process, and differs
 * from one to the next, and from load to load, by more than is to be measured.
 * @template {{ stop: () => Promise<void> }} Contender
 * @template Result
 * @param {() => Promise<Contender>} start
 * @param {(contender: Contender) => Promise<Result>} take
 */
export async function fresh(start, take) {
  const contender = await start();
  try {
    return await take(contender);
  } finally {
    await contender.stop();
  }
}

/**
 * @param {import("./contenders.mjs").Running} contender
 * @param {string} node
 * @param {Mode} mode
 * @param {number} round
 * @param {Pace} pace
 * @param {Loader} loader
 * @returns {Promise<Turn>}
 */
export async function oneTurn(contender, node, mode, round, pace, loader = oneLoad) {
  const family = familyOf(contender.roots);
  const each = () => contender.workers.map((pid) => cpuMsOf([pid]));
  const before = { own: cpuMsOf(family), each: each(), machine: machineCpu() };
  const loads = await Promise.all(
    Array.from({ length: LOAD_PROCESSES }, () => loader(node, contender.port, mode, pace)),
  );
  const machine = machineCpu();
  const ownMs = cpuMsOf(family) - before.own;
  const workersMs = each().map((ms, index) => ms - (before.each[index] ?? 0));
  const totalMs = machine.totalMs - before.machine.totalMs;
  const busyMs = machine.busyMs - before.machine.busyMs;
  const loadMs = sum(loads.map((load) => load.cpuMs));
  const latencies = new Latencies();
  for (const load of loads) latencies.merge(load.latencies);
  return {
    round,
    mode,
    contender: contender.name,
    perSecond: sum(loads.map((load) => load.counted / load.seconds)),
    elsewherePerSecond: sum(loads.map((load) => load.elsewhere / load.seconds)),
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
    cpuMicros: (ownMs * 1000) / sum(loads.map((load) => load.total)),
    busiestPercent: (Math.max(...workersMs) / sum(workersMs)) * 100,
    errors: together(loads.map((load) => load.errors)),
    loadShare: loadMs / totalMs,
    othersShare: Math.max(0, busyMs - ownMs - loadMs) / totalMs,
    tries: 1,
  };
}

/**
 * @typedef {object} Load what load.mjs prints
 * @property {number} seconds
 * @property {number} counted
 * @property {number} total
 * @property {number} elsewhere
 * @property {Record<string, number>} errors
 * @property {import("./latencies.mjs").Counts} latencies
 * @property {number} cpuMs
 */

/**
 * @param {string} node
 * @param {number} port
 * @param {Mode} mode
 * @param {Pace} pace
 */
function oneLoad(node, port, mode, pace) {
  return runLoad(node, LOAD, port, pace, ["--mode", mode]);
}

/**
 * @param {string} node
 * @param {string} script of the load
 * @param {number} port
 * @param {Pace} pace
 * @param {readonly string[]} more arguments
 * @returns {Promise<Load>}
 */
export async function runLoad(node, script, port, { seconds, warmup }, more) {
  const numbers = { port, connections: CONNECTIONS / LOAD_PROCESSES, seconds, warmup };
  const args = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const timeoutMs = (seconds + warmup) * 1000 + LOAD_SPARE_MS;
  return JSON.parse(await run(node, [script, ...args, ...more], { timeoutMs }));
}

/** @param {readonly Record<string, number>[]} errors */
function together(errors) {
  /** @type {Record<string, number>} */
  const all = {};
  for (const [kind, count] of errors.flatMap((some) => Object.entries(some))) {
    all[kind] = (all[kind] ?? 0) + count;
  }
  return all;
}

/**
 * Waits until others leave the machine alone, while there is patience.
 * @param {Patience} patience
 */
async function calmMoment(patience) {
  while (patience.leftMs > 0) {
    const before = machineCpu();
    await pause(LOOK_MS);
    const after = machineCpu();
    const busy = (after.busyMs - before.busyMs) / (after.totalMs - before.totalMs);
    if (busy <= DISTURBED) return;
    patience.leftMs -= LOOK_MS;
  }
}

/** How fast connections and requests are served: all contenders side by side, in turns. */

import { acceptTargets, summarise } from "./accept-figures.mjs";
import { acceptTable } from "./accept-table.mjs";
import { CONTENDERS, startContender } from "./contenders.mjs";
import { CONNECTIONS, calmTurn, oneTurn } from "./turn.mjs";

const WORKERS = 2;
const WARMUP_ROUND_SECONDS = 1.5;
/** Altogether, for other programs to leave the machine alone. */
const PATIENCE_MS = { quick: 20_000, full: 300_000 };

/** @type {readonly Mode[]} */
const MODES = ["connection", "keep-alive"];

/**
 * @typedef {import("./turn.mjs").Mode} Mode
 * @typedef {import("./turn.mjs").Turn} Turn
 * @typedef {import("./turn.mjs").Pace} Pace
 */

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function accept({ node, quick, only, rounds, log }) {
  const pace = quick
    ? { rounds: rounds ?? 2, seconds: 1, warmup: 0.3 }
    : { rounds: rounds ?? 5, seconds: 3, warmup: 0.5 };
  const { running, failed } = await startAll(only ?? CONTENDERS, node, log);
  try {
    const patience = { leftMs: quick ? PATIENCE_MS.quick : PATIENCE_MS.full };
    const turns = await allTurns(running, node, pace, { patience, log });
    const names = running.map(({ name }) => name);
    const summary = summarise(turns, names);
    const targets = acceptTargets(summary, names);
    const setting = { ...pace, workers: WORKERS, connections: CONNECTIONS };
    return {
      text: acceptTable(summary, names, setting),
      targets,
      failed,
      data: { setting, turns, summary },
    };
  } finally {
    for (const contender of running) {
      await contender.stop().catch((error) => failed.push(String(error)));
    }
  }
}

/**
 * @param {readonly string[]} names
 * @param {string} node
 * @param {(text: string) => void} log
 */
async function startAll(names, node, log) {
  /** @type {import("./contenders.mjs").Running[]} */
  const running = [];
  /** @type {string[]} */
  const failed = [];
  for (const name of names) {
    log(`starting ${name}`);
    try {
      running.push(await startContender(name, { node, workers: WORKERS }));
    } catch (error) {
      failed.push(`${name} could not run: ${error instanceof Error ? error.message : error}`);
    }
  }
  return { running, failed };
}

/**
 * Forwards in one round and backwards in the next, so that a machine that grows slower or faster
 * meanwhile favours nobody. Round 0 warms up and does not count.
 * @param {readonly import("./contenders.mjs").Running[]} running
 * @param {string} node
 * @param {Pace} pace
 * @param {{ patience: import("./turn.mjs").Patience, log: (text: string) => void }} meanwhile
 */
async function allTurns(running, node, pace, { patience, log }) {
  /** @type {Turn[]} */
  const turns = [];
  for (let round = 0; round <= pace.rounds; round++) {
    const order = round % 2 === 1 ? running : [...running].reverse();
    for (const mode of MODES) {
      for (const contender of order) {
        log(`round ${round} ${mode} ${contender.name}`);
        if (round > 0) turns.push(await calmTurn(patience, contender, node, mode, round, pace));
        else await oneTurn(contender, node, mode, 0, { ...pace, seconds: WARMUP_ROUND_SECONDS });
      }
    }
  }
  return turns;
}

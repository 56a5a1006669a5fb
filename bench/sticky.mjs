/** What it costs to keep each session on its worker: beside doing without, and beside others that do it. */

import { CASES } from "./sticky-cases.mjs";
import { missing, STICKY_CONTENDERS, startSticky } from "./sticky-contenders.mjs";
import { stickyTargets } from "./sticky-figures.mjs";
import { place } from "./sticky-placement.mjs";
import { stickyTable } from "./sticky-table.mjs";
import { CONNECTIONS, calmTurn, oneTurn } from "./turn.mjs";

const WORKERS = 4;
const WARMUP_ROUND_SECONDS = 1;
const PATIENCE_MS = { quick: 10_000, full: 120_000 };
const PLACED = { quick: 2000, full: 10_000 };

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function sticky({ node, quick, only, rounds, log }) {
  const pace = quick
    ? { rounds: rounds ?? 2, seconds: 0.7, warmup: 0.3 }
    : { rounds: rounds ?? 8, seconds: 1.5, warmup: 0.4 };
  const named = (only ?? STICKY_CONTENDERS).filter((name) => STICKY_CONTENDERS.includes(name));
  const { running, failed, left } = await startAll(named, node, log);
  /** @type {import("./sticky-figures.mjs").Turn[]} */
  let turns = [];
  try {
    const patience = { leftMs: quick ? PATIENCE_MS.quick : PATIENCE_MS.full };
    turns = await allTurns(running, node, pace, { patience, log, failed });
  } finally {
    for (const { stop } of running) await stop().catch((error) => failed.push(String(error)));
  }
  const count = quick ? PLACED.quick : PLACED.full;
  const placement = named.includes("on") ? await placed(node, count, { log, failed }) : undefined;
  const setting = { ...pace, workers: WORKERS, connections: CONNECTIONS };
  const head = `${WORKERS} workers, ${CONNECTIONS} connections, ${pace.rounds} rounds of ${pace.seconds} s; medians`;
  return {
    text: [stickyTable(turns, placement, head), ...left].join("\n\n"),
    targets: stickyTargets(turns, placement),
    failed,
    data: { setting, turns, placement, left },
  };
}

/**
 * @param {string} node
 * @param {number} count
 * @param {{ log: (text: string) => void, failed: string[] }} meanwhile
 */
async function placed(node, count, { log, failed }) {
  log(`${count} WebSockets`);
  try {
    return await place({ node, workers: WORKERS, count });
  } catch (error) {
    failed.push(`placement could not run: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/**
 * @param {readonly string[]} names
 * @param {string} node
 * @param {(text: string) => void} log
 */
async function startAll(names, node, log) {
  /** @type {import("./sticky-contenders.mjs").Running[]} */
  const running = [];
  /** @type {string[]} */
  const failed = [];
  const left = names.flatMap((name) => missing(name) ?? []);
  for (const name of names.filter((one) => missing(one) === undefined)) {
    log(`starting ${name}`);
    try {
      running.push(await startSticky(name, { node, workers: WORKERS }));
    } catch (error) {
      failed.push(`${name} could not run: ${error instanceof Error ? error.message : error}`);
    }
  }
  return { running, failed, left };
}

/**
 * Forwards in one round and backwards in the next. Round 0 warms up and does not count. Those that are
 * close to each other take part in every round, the others in half of them, in both directions as often.
 * @param {readonly import("./sticky-contenders.mjs").Running[]} running
 * @param {string} node
 * @param {import("./turn.mjs").Pace} pace
 * @param {{ patience: import("./turn.mjs").Patience, log: (text: string) => void, failed: string[] }} meanwhile
 */
async function allTurns(running, node, pace, { patience, log, failed }) {
  /** @type {import("./sticky-figures.mjs").Turn[]} */
  const turns = [];
  /** @type {Set<string>} */
  const broken = new Set();
  for (let round = 0; round <= pace.rounds; round++) {
    for (const { one, contender } of inRound(round, running)) {
      const what = `${one.name} ${contender.name}`;
      if (broken.has(what)) continue;
      log(`round ${round} ${what}`);
      try {
        const loader = one.loader(contender);
        const warmup = { ...pace, seconds: WARMUP_ROUND_SECONDS };
        if (round === 0) await oneTurn(contender, node, one.mode, 0, warmup, loader);
        else {
          const turn = await calmTurn(patience, contender, node, one.mode, round, pace, loader);
          turns.push({ ...turn, case: one.name });
        }
      } catch (error) {
        broken.add(what);
        failed.push(`${what} failed: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  return turns;
}

/**
 * @param {number} round
 * @param {readonly import("./sticky-contenders.mjs").Running[]} running
 */
function inRound(round, running) {
  const isWhole = round === 0 || round % 4 === 1 || round % 4 === 2;
  const forwards = CASES.flatMap((one) => {
    const names = isWhole ? one.contenders : one.close;
    return names.flatMap((name) => {
      const contender = running.find((each) => each.name === name);
      return contender ? [{ one, contender }] : [];
    });
  });
  return round % 2 === 1 ? forwards : forwards.reverse();
}

/** What it costs to keep each session on its worker: beside doing without, and beside others that do it. */

import { CASES } from "./sticky-cases.mjs";
import { missing, STICKY_CONTENDERS, startSticky } from "./sticky-contenders.mjs";
import { stickyTargets } from "./sticky-figures.mjs";
import { place } from "./sticky-placement.mjs";
import { stickyTable } from "./sticky-table.mjs";
import { CONNECTIONS, calmest, fresh, oneTurn } from "./turn.mjs";

const WORKERS = 4;
const PATIENCE_MS = { quick: 10_000, full: 300_000 };
const PLACED = { quick: 2000, full: 10_000 };

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function sticky({ node, quick, only, rounds, log }) {
  const pace = quick
    ? { rounds: rounds ?? 2, seconds: 0.7, warmup: 1 }
    : { rounds: rounds ?? 28, seconds: 2, warmup: 5 };
  const named = (only ?? STICKY_CONTENDERS).filter((name) => STICKY_CONTENDERS.includes(name));
  const left = named.flatMap((name) => missing(name) ?? []);
  const able = named.filter((name) => missing(name) === undefined);
  /** @type {string[]} */
  const failed = [];
  const patience = { leftMs: quick ? PATIENCE_MS.quick : PATIENCE_MS.full };
  const turns = await allTurns(able, node, pace, { patience, log, failed });
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
 * Forwards in one round and backwards in the next, each in new processes. Those that are close to each other take part in every round,
 * the others in one of five, in both directions as often.
 * @param {readonly string[]} able
 * @param {string} node
 * @param {import("./turn.mjs").Pace} pace
 * @param {{ patience: import("./turn.mjs").Patience, log: (text: string) => void, failed: string[] }} meanwhile
 */
async function allTurns(able, node, pace, { patience, log, failed }) {
  const start = (/** @type {string} */ name) => () => startSticky(name, { node, workers: WORKERS });
  /** @type {import("./sticky-figures.mjs").Turn[]} */
  const turns = [];
  /** @type {Set<string>} */
  const broken = new Set();
  for (let round = 1; round <= pace.rounds; round++) {
    for (const { one, name } of inRound(round, able)) {
      const what = `${one.name} ${name}`;
      if (broken.has(what)) continue;
      log(`round ${round} ${what}`);
      try {
        const take = (/** @type {import("./sticky-contenders.mjs").Running} */ contender) =>
          oneTurn(contender, node, one.mode, round, pace, one.loader(contender));
        const turn = await calmest(patience, () => fresh(start(name), take));
        turns.push({ ...turn, case: one.name });
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
 * @param {readonly string[]} able
 */
function inRound(round, able) {
  const isWhole = round % 10 === 1 || round % 10 === 2;
  const forwards = CASES.flatMap((one) =>
    (isWhole ? one.contenders : one.close)
      .filter((name) => able.includes(name))
      .map((name) => ({ one, name })),
  );
  return round % 2 === 1 ? forwards : forwards.reverse();
}

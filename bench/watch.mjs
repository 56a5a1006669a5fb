/** What it costs to measure and to watch: the same app with everything on, and with everything off. */

import { pause } from "./children.mjs";
import { SCRAPE_EVERY_MS, startContender } from "./contenders.mjs";
import { preciseCpuMsOf } from "./processes.mjs";
import { mean, spread } from "./statistics.mjs";
import { columns, number, withSpread } from "./table.mjs";
import { CONNECTIONS, calmest, fresh, isCalm, oneTurn } from "./turn.mjs";

const WORKERS = 2;
const LOST_MAX = 0.03;
const IDLE_PERCENT_MAX = 0.5;
/** Of each turn: its processes are new. */
const WARMUP_SECONDS = 3;
/** As long as from one scrape to the next: each turn has one. */
const SCRAPED_SECONDS = SCRAPE_EVERY_MS / 1000;
const PATIENCE_MS = { quick: 20_000, full: 300_000 };

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function watch({ node, quick, rounds, log }) {
  const pace = quick
    ? { rounds: rounds ?? 3, seconds: 1, warmup: WARMUP_SECONDS }
    : { rounds: rounds ?? 20, seconds: SCRAPED_SECONDS, warmup: WARMUP_SECONDS };
  const patience = { leftMs: quick ? PATIENCE_MS.quick : PATIENCE_MS.full };
  const start = (/** @type {string} */ name) => () =>
    startContender(name, { node, workers: WORKERS });
  /** @type {import("./turn.mjs").Turn[]} */
  const turns = [];
  for (let round = 1; round <= pace.rounds; round++) {
    for (const name of round % 2 === 1 ? ["watched", "unwatched"] : ["unwatched", "watched"]) {
      log(`round ${round} ${name}`);
      const take = () =>
        fresh(start(name), (contender) => oneTurn(contender, node, "keep-alive", round, pace));
      turns.push(await calmest(patience, take));
    }
  }
  const idle = await fresh(start("watched"), (watched) => idlePercent(watched, quick ? 3 : 10));
  return outcome(turns, idle, { ...pace, workers: WORKERS, connections: CONNECTIONS });
}

/**
 * @param {import("./contenders.mjs").Running} contender
 * @param {number} seconds
 */
async function idlePercent({ workers }, seconds) {
  await pause(2000);
  const before = workers.map(preciseCpuMsOf);
  await pause(seconds * 1000);
  const used = workers.map((pid, index) => preciseCpuMsOf(pid) - (before[index] ?? 0));
  return mean(used) / (seconds * 10);
}

/**
 * @param {readonly import("./turn.mjs").Turn[]} turns
 * @param {number} idle
 * @param {object} setting
 * @returns {import("./run.mjs").Outcome}
 */
function outcome(turns, idle, setting) {
  const of = (/** @type {string} */ name) => turns.filter(({ contender }) => contender === name);
  const pairs = of("watched").flatMap((on) => {
    const off = of("unwatched").find(({ round }) => round === on.round);
    return off ? [{ on, off, isCalm: isCalm(on) && isCalm(off) }] : [];
  });
  const calm = pairs.filter((pair) => pair.isCalm);
  const counted = calm.length * 2 >= pairs.length ? calm : pairs;
  const speed = spread(counted.map(({ on, off }) => on.perSecond / off.perSecond));
  const cpu = spread(counted.map(({ on, off }) => on.cpuMicros / off.cpuMicros));
  const rows = [
    ["", "watched / unwatched"],
    ["requests/s", withSpread(speed, 3)],
    ["CPU us/request", withSpread(cpu, 3)],
    ["idle worker, % of a CPU", number(idle, 2)],
  ];
  return {
    text: `Everything on beside everything off, ${WORKERS} workers, keep-alive, medians of rounds\n\n${columns(rows)}`,
    targets: [
      { what: "requests/s, everything on / everything off", value: speed, min: 1 - LOST_MAX },
      { what: "CPU of an idle worker with everything on, %", value: idle, max: IDLE_PERCENT_MAX },
    ],
    failed: [],
    data: { setting, turns, idle },
  };
}

/** How fast workers talk through the supervisor, beside Node's own IPC and Redis. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { diskFacts } from "./bus-disk.mjs";
import { busTable, busTargets, CASES } from "./bus-figures.mjs";
import { busTurn } from "./bus-turn.mjs";
import { HOLDFAST, installPeers } from "./nodes.mjs";
import { number } from "./table.mjs";
import { calmest } from "./turn.mjs";

export const BUS_CONTENDERS = ["holdfast", "cluster", "redis"];
const WARMUP_ROUND = { seconds: 0.3, warmup: 0.3 };
const PATIENCE_MS = { quick: 10_000, full: 120_000 };

/** @typedef {{ which: string, contender: string }} Entry */

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function bus({ node, quick, only, rounds, log }) {
  if (!existsSync(HOLDFAST)) throw new Error("there is no build: npm run build");
  const pace = quick
    ? { rounds: rounds ?? 2, seconds: 1, warmup: 1 }
    : { rounds: rounds ?? 9, seconds: 3, warmup: 2 };
  const named = (only ?? BUS_CONTENDERS).filter((name) => BUS_CONTENDERS.includes(name));
  const { entries, left } = await whatRuns(named);
  if (named.includes("redis")) installPeers();
  const disk = entries.some(({ which }) => which === "enqueue") ? diskFacts() : undefined;
  const patience = { leftMs: quick ? PATIENCE_MS.quick : PATIENCE_MS.full };
  const { turns, failed } = await allTurns(entries, node, pace, { patience, log });
  const head = `${pace.rounds} rounds of ${pace.seconds} s, all processes new in each; medians`;
  const notes = [...left, ...(disk ? [diskLine(disk)] : [])];
  return {
    text: [head, busTable(turns), ...notes].join("\n\n"),
    targets: busTargets(turns).map((target) =>
      target.what.startsWith("durable") && disk?.isMemory
        ? { ...target, isDoubtful: true }
        : target,
    ),
    failed,
    data: { setting: pace, disk, turns, left },
  };
}

/**
 * All turns of a round, and why some are left out on this machine or with this build.
 * @param {readonly string[]} named
 */
async function whatRuns(named) {
  const all = CASES.flatMap(({ name, contenders }) =>
    contenders
      .filter((each) => named.includes(each))
      .map((each) => ({ which: name, contender: each })),
  );
  /** @type {string[]} */
  const left = [];
  const hasRedis = !spawnSync("redis-server", ["--version"], { stdio: "ignore" }).error;
  if (!hasRedis && named.includes("redis")) left.push("redis-server is not installed: left out");
  const built = await import("../dist/src/bus.js");
  const hasQueues = typeof (/** @type {any} */ (built.bus).enqueue) === "function";
  if (!hasQueues && named.includes("holdfast")) {
    left.push("this build has no durable queues (bus.enqueue): enqueue is skipped");
  }
  const entries = all.filter(
    ({ which, contender }) =>
      (hasRedis || contender !== "redis") && (hasQueues || which !== "enqueue"),
  );
  return { entries, left };
}

/**
 * Forwards in one round and backwards in the next. Round 0 does not count: it shows what cannot run, and fills caches.
 * @param {readonly Entry[]} entries
 * @param {string} node
 * @param {{ rounds: number, seconds: number, warmup: number }} pace
 * @param {{ patience: import("./turn.mjs").Patience, log: (text: string) => void }} meanwhile
 */
async function allTurns(entries, node, pace, { patience, log }) {
  /** @type {import("./bus-turn.mjs").Turn[]} */
  const turns = [];
  /** @type {string[]} */
  const failed = [];
  /** @type {Set<Entry>} */
  const broken = new Set();
  for (let round = 0; round <= pace.rounds; round++) {
    const order = round % 2 === 1 ? entries : [...entries].reverse();
    for (const entry of order.filter((each) => !broken.has(each))) {
      const what = `${entry.which} ${entry.contender}`;
      log(`round ${round} ${what}`);
      try {
        if (round === 0) await busTurn(node, { round, ...entry }, WARMUP_ROUND);
        else turns.push(await calmest(patience, () => busTurn(node, { round, ...entry }, pace)));
      } catch (error) {
        broken.add(entry);
        failed.push(`${what} failed: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  return { turns, failed };
}

/** @param {{ isMemory: boolean, fsyncMs: number }} disk */
function diskLine({ isMemory, fsyncMs }) {
  if (isMemory)
    return "The folder of temporary files is in memory: what is durable there costs nothing.";
  return `A page written and fsynced by itself takes ${number(fsyncMs, 2)} ms on this disk (median).`;
}

/** How long a command that looks takes: `holdfast list` beside `pm2 ls` and Node doing nothing. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./contenders.mjs";
import { HOLDFAST, installPeers, PM2 } from "./nodes.mjs";
import { differences, median } from "./statistics.mjs";
import { columns, number } from "./table.mjs";

const APP = fileURLToPath(new URL("app.mjs", import.meta.url));
const ADDED_MS_MAX = 30;
const WITHIN_MS = 60_000;

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function commands({ node, quick, only, rounds, log }) {
  const home = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const withPm2 = only?.includes("pm2") ?? true;
  if (withPm2) installPeers();
  const env = {
    ...process.env,
    HOLDFAST_HOME: join(home, "holdfast"),
    PM2_HOME: join(home, "pm2"),
    PM2_DISABLE_VERSION_CHECK: "true",
    PORT: String(await freePort()),
  };
  const run = (/** @type {readonly string[]} */ args) => {
    const { status, stderr } = spawnSync(node, args, { env, timeout: WITHIN_MS, encoding: "utf8" });
    if (status !== 0) throw new Error(`${args.join(" ")} failed: ${stderr}`);
  };
  /** @type {Record<string, readonly string[]>} */
  const cases = { "node -e 0": ["-e", "0"], "holdfast list": [HOLDFAST, "list"] };
  if (withPm2) cases["pm2 ls"] = [PM2, "ls"];
  try {
    run([HOLDFAST, "start", APP, "-i", "1", "-q"]);
    if (withPm2) run([PM2, "start", APP, "-i", "1"]);
    return outcome(measure(cases, run, rounds ?? (quick ? 5 : 31), log));
  } finally {
    run([HOLDFAST, "shutdown", "-q"]);
    if (withPm2) run([PM2, "kill"]);
    rmSync(home, { recursive: true, force: true });
  }
}

/**
 * In turns, so that a machine that grows slower favours nobody. The first turn warms caches and does not count.
 * @param {Record<string, readonly string[]>} cases
 * @param {(args: readonly string[]) => void} run
 * @param {number} rounds
 * @param {(text: string) => void} log
 * @returns {Record<string, number[]>} milliseconds
 */
function measure(cases, run, rounds, log) {
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    log(`round ${round}`);
    for (const [name, args] of Object.entries(cases)) {
      const from = performance.now();
      run(args);
      if (round > 0) times[name]?.push(performance.now() - from);
    }
  }
  return times;
}

/**
 * @param {Record<string, number[]>} times
 * @returns {import("./run.mjs").Outcome}
 */
function outcome(times) {
  const rows = Object.entries(times).map(([name, all]) => [
    `  ${name}`,
    `${number(Math.min(...all), 0)}`,
    `${number(median(all), 0)}`,
  ]);
  const added = differences(times["holdfast list"] ?? [], times["node -e 0"] ?? []);
  return {
    text: columns([["Command, ms", "best", "median"], ...rows]),
    targets: [{ what: "list after node -e 0", value: added, max: ADDED_MS_MAX, unit: "ms" }],
    failed: [],
    data: { times },
  };
}

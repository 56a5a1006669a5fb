// Runs the benchmarks, prints what came out and writes it to results/.
//   run.mjs [accept] [start] [idle] [commands] [scrape] [watch] [sticky] [bus] [heir]   all of them when none is named
//   --quick                short and rough
//   --only holdfast,pm2    these contenders only
//   --rounds 9             more rounds or samples than usual
//   --strict               exit code 1 when a target is missed
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { accept } from "./accept.mjs";
import { BUS_CONTENDERS, bus } from "./bus.mjs";
import { commands } from "./commands.mjs";
import { CONTENDERS, stopAll } from "./contenders.mjs";
import { enterCpuGroup } from "./cpu-group.mjs";
import { facts } from "./facts.mjs";
import { heir } from "./heir.mjs";
import { idle } from "./idle.mjs";
import { benchNode } from "./nodes.mjs";
import { scrape } from "./scrape.mjs";
import { start } from "./start.mjs";
import { sticky } from "./sticky.mjs";
import { STICKY_CONTENDERS } from "./sticky-contenders.mjs";
import { isMet, targetTable } from "./targets.mjs";
import { watch } from "./watch.mjs";

/**
 * @typedef {object} Options
 * @property {string} node the binary to measure on
 * @property {boolean} quick
 * @property {readonly string[] | undefined} only
 * @property {number | undefined} rounds
 * @property {(text: string) => void} log progress
 *
 * @typedef {object} Outcome
 * @property {string} text
 * @property {import("./targets.mjs").Target[]} targets
 * @property {string[]} failed what could not run, and why
 * @property {object} data raw figures
 *
 * @typedef {(options: Options) => Promise<Outcome>} Benchmark
 */

/** @type {Record<string, Benchmark>} */
const BENCHMARKS = { accept, start, idle, commands, scrape, watch, sticky, bus, heir };
const NAMES = [...new Set([...CONTENDERS, ...STICKY_CONTENDERS, ...BUS_CONTENDERS])];
const RESULTS = new URL("results/", import.meta.url);

let cpuShares = "";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    rounds: { type: "string" },
    strict: { type: "boolean", default: false },
  },
});

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, () => void stopAll().then(() => process.exit(130)));
}
process.exitCode = await main();

async function main() {
  const names = positionals.length > 0 ? positionals : Object.keys(BENCHMARKS);
  const only = values.only?.split(",");
  const strange = [
    ...names.filter((name) => !(name in BENCHMARKS)),
    ...(only ?? []).filter((name) => !NAMES.includes(name)),
  ];
  if (strange.length > 0) {
    console.error(`There is no ${strange.join(", ")}.`);
    console.error(`Benchmarks: ${Object.keys(BENCHMARKS)}; contenders: ${NAMES}.`);
    return 2;
  }
  if (process.platform !== "linux") {
    console.error("The benchmarks read CPU time and memory from /proc: they run on Linux only.");
    return 2;
  }
  cpuShares = enterCpuGroup();
  let status = 0;
  for (const name of names) status = Math.max(status, await one(name, only));
  return status;
}

/**
 * @param {string} name
 * @param {readonly string[] | undefined} only
 */
async function one(name, only) {
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  try {
    const node = benchNode();
    const machine = { ...facts(node.version), cpuShares };
    console.log(`\n== ${name}: node ${node.version}, ${machine.cores} x ${machine.cpu}`);
    const options = { node: node.path, quick: values.quick, only, rounds, log: progress };
    const outcome = await /** @type {Benchmark} */ (BENCHMARKS[name])(options);
    progress("");
    return report(name, machine, outcome);
  } catch (error) {
    console.error(`could not run: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

/**
 * On one line of a terminal, which the next one takes.
 * @param {string} text
 */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/**
 * @param {string} name
 * @param {object} machine
 * @param {Outcome} outcome
 */
function report(name, machine, { text, targets, failed, data }) {
  console.log(`\n${text}`);
  if (targets.length > 0) console.log(`\nTargets\n${targetTable(targets)}`);
  for (const why of failed) console.error(`\n${why}`);
  const judged = targets.map((target) => ({ ...target, met: isMet(target) }));
  // A rough or partial run does not replace the figures of a whole one.
  const isWhole = !values.quick && values.only === undefined;
  const file = new URL(isWhole ? `${name}.json` : `${name}-rough.json`, RESULTS);
  mkdirSync(RESULTS, { recursive: true });
  const result = { name, machine, targets: judged, failed, ...data };
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`\nRaw figures: ${fileURLToPath(file).split("/").slice(-3).join("/")}`);
  const isMissed = values.strict && judged.some(({ met }) => !met);
  return failed.length > 0 || isMissed ? 1 : 0;
}

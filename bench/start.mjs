/** What the supervisor and its agent add to a worker: time to start, and memory. */

import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { end, pause, start as startChild } from "./children.mjs";
import { freePort } from "./contenders.mjs";
import { compareMemory, memoryTable, memoryTargets } from "./memory.mjs";
import { HOLDFAST } from "./nodes.mjs";
import { differences, median } from "./statistics.mjs";
import { columns, number, withSpread } from "./table.mjs";

const PRIMARY = fileURLToPath(new URL("start-primary.mjs", import.meta.url));
const KINDS = ["holdfast", "cluster"];
const WARMUPS = 2;
const ADDED_MS_MAX = 15;
const WITHIN_MS = 20_000;
const BETWEEN_MS = 50;

/**
 * @typedef {object} Sample
 * @property {number} sinceStartMs from the start of the worker's process to listening
 * @property {number} listeningMs from spawn to listening
 * @property {number} knownMs from spawn until the primary knew
 * @property {number} cpuMs CPU time of the worker until listening
 *
 * @typedef {Record<string, Sample[]>} Samples by contender
 */

/** @type {readonly (readonly [figure: keyof Sample, title: string])[]} */
const FIGURES = [
  ["sinceStartMs", "process start to listening"],
  ["listeningMs", "spawn to listening"],
  ["knownMs", "spawn to the primary's knowing"],
  ["cpuMs", "CPU time until listening"],
];

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function start(options) {
  const kinds = KINDS.filter((kind) => options.only?.includes(kind) ?? true);
  if (kinds.includes("holdfast") && !existsSync(HOLDFAST)) {
    throw new Error("there is no build: npm run build");
  }
  const rounds = options.rounds ?? (options.quick ? 5 : 21);
  const samples = await allStarts(kinds, options.node, rounds, options.log);
  const memory = await compareMemory(kinds, options);
  return {
    text: `${startTable(samples, rounds)}\n\n${memoryTable(memory)}`,
    targets: [...startTargets(samples), ...memoryTargets(memory)],
    failed: [],
    data: { setting: { rounds }, starts: samples, memory },
  };
}

/**
 * @param {readonly string[]} kinds
 * @param {string} node
 * @param {number} rounds
 * @param {(text: string) => void} log
 */
async function allStarts(kinds, node, rounds, log) {
  /** @type {Samples} */
  const samples = Object.fromEntries(kinds.map((kind) => [kind, []]));
  const env = { PORT: String(await freePort()) };
  const primaries = kinds.map((kind) => ({
    kind,
    child: startChild(node, [PRIMARY, kind], { env, ipc: true }),
  }));
  try {
    for (const { kind, child } of primaries) await heard(kind, child);
    for (let round = 0; round < rounds + WARMUPS; round++) {
      log(`start ${round + 1} of ${rounds + WARMUPS}`);
      const order = round % 2 === 0 ? primaries : [...primaries].reverse();
      for (const { kind, child } of order) {
        child.process.send("go");
        const sample = sampleOf(await heard(kind, child));
        if (round >= WARMUPS) samples[kind]?.push(sample);
        await pause(BETWEEN_MS);
      }
    }
  } finally {
    await Promise.all(primaries.map(({ child }) => leave(child)));
  }
  return samples;
}

/**
 * The next message of a primary.
 * @param {string} kind
 * @param {import("./children.mjs").Child} child
 * @returns {Promise<any>}
 */
async function heard(kind, child) {
  const given = new AbortController();
  const timer = setTimeout(() => given.abort(), WITHIN_MS);
  void child.ended.then(() => given.abort());
  try {
    const [message] = await once(child.process, "message", { signal: given.signal });
    return message;
  } catch {
    throw new Error(`${kind}: no worker was started.\n${child.output()}`);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {import("./children.mjs").Child} child */
async function leave(child) {
  if (child.process.connected) child.process.disconnect();
  await end(child);
}

/** @param {import("./start-primary.mjs").Moments} moments */
function sampleOf({ spawnedAt, listeningAt, knownAt, sinceStartMs, cpuMs }) {
  const [listeningMs, knownMs] = [listeningAt - spawnedAt, knownAt - spawnedAt];
  return { sinceStartMs, listeningMs, knownMs, cpuMs };
}

/**
 * @param {Samples} samples
 * @param {keyof Sample} figure
 */
function added(samples, figure) {
  const { holdfast, cluster } = samples;
  if (!holdfast || !cluster) return undefined;
  return differences(
    holdfast.map((sample) => sample[figure]),
    cluster.map((sample) => sample[figure]),
  );
}

/**
 * @param {Samples} samples
 * @param {number} rounds
 */
function startTable(samples, rounds) {
  const kinds = Object.keys(samples);
  const rows = FIGURES.map(([figure, title]) => [
    title,
    ...kinds.map((kind) => number(median((samples[kind] ?? []).map((one) => one[figure])), 1)),
    withSpread(added(samples, figure), 1),
  ]);
  const head = ["ms", ...kinds, "added (min..max)"];
  return `One worker's start, medians of ${rounds}\n\n${columns([head, ...rows])}`;
}

/**
 * @param {Samples} samples
 * @returns {import("./targets.mjs").Target[]}
 */
function startTargets(samples) {
  return FIGURES.slice(0, 2).flatMap(([figure, title]) => {
    const value = added(samples, figure);
    return value ? [{ what: `added, ${title}`, value, max: ADDED_MS_MAX, unit: "ms" }] : [];
  });
}

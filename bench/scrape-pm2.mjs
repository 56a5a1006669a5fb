/** What a scrape of PM2 with its usual exporter costs: asked over HTTP, as Prometheus would. */

import { pause } from "./children.mjs";
import { startContender } from "./contenders.mjs";
import { preciseCpuMsOf } from "./processes.mjs";
import { sum } from "./statistics.mjs";
import { ask } from "./workers.mjs";

const LISTEN_WITHIN_MS = 30_000;
const ASK_AGAIN_MS = 50;
/** What follows the answer belongs to it: the CPU time is read a moment later. */
const SETTLE_MS = 10;
const BETWEEN_MS = 20;
const SHOWN_CHARS = 500;
/** The first ones connect to the daemon, load and compile. */
const WARMUPS = 5;

/**
 * The event loop of the exporter cannot be asked from outside: `loopMs` is missing.
 * @param {string} node the binary
 * @param {number} workers
 * @param {number} scrapes
 * @returns {Promise<Omit<import("./scrape.mjs").Figures, "side" | "workers">>}
 * @throws when PM2 or the exporter does not answer, or not for all workers
 */
export async function scrapePm2(node, workers, scrapes) {
  const contender = await startContender("pm2Exporter", { node, workers });
  const { roots, metricsPort = 0 } = contender;
  try {
    await whenAllShown(metricsPort, workers);
    return await measured({ roots, metricsPort }, scrapes);
  } catch (error) {
    throw new Error(`${error}\n${contender.output().slice(-SHOWN_CHARS)}`);
  } finally {
    await contender.stop();
  }
}

/**
 * @param {{ roots: readonly number[], metricsPort: number }} answering the daemon and the exporter
 * @param {number} scrapes
 */
async function measured({ roots, metricsPort }, scrapes) {
  /** @type {number[]} */
  const cpuMs = [];
  /** @type {number[]} */
  const latencyMs = [];
  let text = "";
  for (let count = -WARMUPS; count < scrapes; count++) {
    const cpu = sum(roots.map(preciseCpuMsOf));
    const since = performance.now();
    text = await metrics(metricsPort);
    const took = performance.now() - since;
    await pause(SETTLE_MS);
    const spent = sum(roots.map(preciseCpuMsOf)) - cpu;
    if (count >= 0) {
      latencyMs.push(took);
      cpuMs.push(spent);
    }
    await pause(BETWEEN_MS);
  }
  const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
  return { series, bytes: text.length, cpuMs, latencyMs };
}

/**
 * An exporter that met no daemon, or another's, would be quick for nothing.
 * @param {number} port
 * @param {number} workers
 */
async function whenAllShown(port, workers) {
  const deadline = performance.now() + LISTEN_WITHIN_MS;
  for (;;) {
    const [text = ""] = await ask(port, "/metrics", 1);
    const shown = text.match(/^pm2_up\{.*\} 1$/gm)?.length ?? 0;
    if (shown === workers) return;
    if (performance.now() > deadline) {
      throw new Error(`the exporter showed ${shown} of ${workers} workers`);
    }
    await pause(ASK_AGAIN_MS);
  }
}

/** @param {number} port */
async function metrics(port) {
  const [text] = await ask(port, "/metrics", 1);
  if (!text) throw new Error("the exporter did not answer a scrape");
  return text;
}

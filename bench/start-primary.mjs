// A primary that starts one worker and stops it again each time it is told to, and reports the moments:
// `node start-primary.mjs holdfast|cluster`. It lives on, so that its own start is not measured.
import childProcess from "node:child_process";
import cluster from "node:cluster";
import { once } from "node:events";
import { syncBuiltinESMExports } from "node:module";
import { fileURLToPath } from "node:url";

const APP = fileURLToPath(new URL("app.mjs", import.meta.url));

/**
 * @typedef {object} Moments in milliseconds since the epoch, with fractions
 * @property {number} spawnedAt
 * @property {number} listeningAt in the worker
 * @property {number} knownAt the primary has heard of it
 * @property {number} sinceStartMs from the start of the worker's process to listening
 * @property {number} cpuMs CPU time of the worker until then
 *
 * @typedef {{ at: number, sinceStartMs: number, cpuMs: number }} Line what the app prints
 */

function now() {
  return performance.timeOrigin + performance.now();
}

/** Collects what the app prints until the line about listening is whole. */
class Told {
  #text = "";
  /** @type {(value: Line) => void} */
  #resolve = () => {};
  /** @type {Promise<Line>} */
  line = new Promise((resolve) => {
    this.#resolve = resolve;
  });

  /** @param {Buffer | string} chunk */
  add(chunk) {
    this.#text += chunk;
    const json = /^listening (\{.*\})$/m.exec(this.#text)?.[1];
    if (json) this.#resolve(JSON.parse(json));
  }
}

/** @returns {Promise<() => Promise<Moments>>} */
async function holdfast() {
  let spawnedAt = 0;
  const { spawn } = childProcess;
  childProcess.spawn = /** @type {typeof spawn} */ (
    (/** @type {Parameters<typeof spawn>} */ ...args) => {
      spawnedAt = now();
      return spawn(...args);
    }
  );
  syncBuiltinESMExports();
  const { createSupervisor } = await import(new URL("../dist/src/index.js", import.meta.url).href);
  return async () => {
    const told = new Told();
    const output = {
      write(
        /** @type {unknown} */ _source,
        /** @type {string} */ _name,
        /** @type {Buffer} */ lines,
      ) {
        told.add(lines);
        return true;
      },
      onceDrained: () => {},
    };
    const supervisor = createSupervisor({ script: APP, instances: 1, name: "bench" }, { output });
    const ready = once(supervisor, "worker:ready").then(now);
    await supervisor.start();
    const { at, ...spent } = await told.line;
    const moments = { spawnedAt, listeningAt: at, knownAt: await ready, ...spent };
    await supervisor.stop();
    return moments;
  };
}

/** @returns {Promise<() => Promise<Moments>>} */
async function bareCluster() {
  cluster.setupPrimary({ exec: APP, silent: true });
  return async () => {
    const told = new Told();
    const spawnedAt = now();
    const worker = cluster.fork();
    worker.process.stdout?.on("data", (chunk) => told.add(chunk));
    await once(worker, "listening");
    const knownAt = now();
    const { at, ...spent } = await told.line;
    const exited = once(worker, "exit");
    worker.process.kill("SIGTERM");
    await exited;
    return { spawnedAt, listeningAt: at, knownAt, ...spent };
  };
}

const kinds = { holdfast, cluster: bareCluster };
const measure = await kinds[/** @type {keyof typeof kinds} */ (process.argv[2])]();
process.on("message", async () => process.send?.(await measure()));
process.on("disconnect", () => process.exit(0));
process.send?.("ready");

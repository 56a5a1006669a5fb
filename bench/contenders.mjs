/** The ways to run the same program in several processes that are compared. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { end, run, start } from "./children.mjs";
import { HOLDFAST, installPeers, PM2, PM2_EXPORTER } from "./nodes.mjs";
import { familyOf, killLeft, statOf } from "./processes.mjs";
import { whenAllAnswer } from "./workers.mjs";

const APP = fileURLToPath(new URL("app.mjs", import.meta.url));
const CLUSTER = fileURLToPath(new URL("cluster.mjs", import.meta.url));
/** PM2's own commands start a daemon and wait for it. */
const COMMAND_WITHIN_MS = 60_000;
/** Killed workers may need a moment to be gone after their primary. */
const LEAVE_WITHIN_MS = 1000;
/** Prometheus is usually told to scrape every 15 s. */
export const SCRAPE_EVERY_MS = 5000;

/**
 * @typedef {object} Setting
 * @property {string} node the binary
 * @property {number} workers
 * @property {number} port
 */

/**
 * @typedef {object} Started
 * @property {readonly number[]} roots the processes all others descend from
 * @property {() => string} output
 * @property {() => Promise<unknown>} stop
 * @property {number} [metricsPort] where an exporter answers
 * @property {readonly number[]} [backends] where its workers answer, behind a proxy
 */

/**
 * @typedef {object} Running
 * @property {string} name
 * @property {number} port
 * @property {readonly number[]} roots
 * @property {readonly number[]} workers pids
 * @property {number} [metricsPort]
 * @property {() => string} output
 * @property {() => Promise<void>} stop throws when something was left behind
 */

/** @type {Record<string, (setting: Setting) => Started | Promise<Started>>} */
const STARTERS = { holdfast, cluster, reusePort, pm2, pm2Exporter, watched, unwatched };

export const CONTENDERS = ["holdfast", "cluster", "reusePort", "pm2"];

/** @type {Set<Started>} */
const alive = new Set();

/**
 * Starts a contender and waits until all its workers have answered.
 * @param {string} name
 * @param {Omit<Setting, "port">} setting
 * @returns {Promise<Running>}
 */
export async function startContender(name, setting) {
  const starter = STARTERS[name];
  if (!starter) throw new Error(`no contender "${name}"; there are ${CONTENDERS.join(", ")}`);
  return launch(name, starter, setting);
}

/**
 * @param {string} name
 * @param {(setting: Setting) => Started | Promise<Started>} starter
 * @param {Omit<Setting, "port">} setting
 * @param {(port: number, count: number, started: Started) => Promise<number[]>} [meet] waits for all workers and gives their pids
 * @returns {Promise<Running>}
 */
export async function launch(name, starter, { node, workers }, meet = whenAllAnswer) {
  const port = await freePort();
  const started = await starter({ node, workers, port });
  alive.add(started);
  try {
    const pids = await meet(port, workers, started);
    return { ...started, name, port, workers: pids, stop: () => stop(name, started) };
  } catch (error) {
    const output = started.output();
    await stop(name, started).catch(() => {});
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}\n${output}`);
  }
}

/** For an early end. */
export async function stopAll() {
  await Promise.allSettled([...alive].map((started) => started.stop()));
}

/**
 * @param {string} name
 * @param {Started} started
 */
async function stop(name, started) {
  const family = familyOf(started.roots).flatMap((pid) => {
    const stat = statOf(pid);
    return stat ? [/** @type {const} */ ([pid, stat])] : [];
  });
  await started.stop();
  alive.delete(started);
  const left = await killLeft(new Map(family), LEAVE_WITHIN_MS);
  if (left.length > 0) throw new Error(`${name} left ${left.length} processes behind`);
}

/** @param {Setting} setting */
function holdfast({ node, workers, port }) {
  if (!existsSync(HOLDFAST)) throw new Error("there is no build: npm run build");
  const args = [HOLDFAST, "run", APP, "-i", String(workers), "--name", "bench"];
  return ofChildren([start(node, args, { env: { PORT: String(port) } })]);
}

/**
 * Everything on: metrics, scraped three times as often as is usual, and a health probe on top of the heartbeat.
 * @param {Setting} setting
 */
async function watched({ node, workers, port }) {
  const admin = await freePort();
  const flags = ["--metrics", String(admin), "--health", "http:/pid"];
  const args = [HOLDFAST, "run", APP, "-i", String(workers), "--name", "bench", ...flags];
  const started = ofChildren([start(node, args, { env: { PORT: String(port) } })]);
  const scrape = () =>
    get({ port: admin, path: "/metrics", host: "127.0.0.1" }, (answer) => answer.resume()).on(
      "error",
      () => {},
    );
  const timer = setInterval(scrape, SCRAPE_EVERY_MS);
  const stop = () => {
    clearInterval(timer);
    return started.stop();
  };
  return { ...started, stop };
}

/**
 * Nothing on: no metrics, no heartbeat's debugger, no probe.
 * @param {Setting} setting
 */
function unwatched({ node, workers, port }) {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const file = join(folder, "holdfast.config.json");
  const app = { name: "bench", script: APP, instances: workers, metrics: false, hangTimeout: 0 };
  writeFileSync(file, JSON.stringify(app));
  const started = ofChildren([
    start(node, [HOLDFAST, "run", file], { env: { PORT: String(port) } }),
  ]);
  const stop = async () => {
    await started.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...started, stop };
}

/** @param {Setting} setting */
function cluster({ node, workers, port }) {
  const env = { PORT: String(port), BENCH_WORKERS: String(workers) };
  return ofChildren([start(node, [CLUSTER], { env })]);
}

/** @param {Setting} setting */
function reusePort({ node, workers, port }) {
  const env = { PORT: String(port), BENCH_REUSE_PORT: "1" };
  return ofChildren(Array.from({ length: workers }, () => start(node, [APP], { env })));
}

/**
 * @param {readonly import("./children.mjs").Child[]} children
 * @returns {Started}
 */
export function ofChildren(children) {
  return {
    roots: children.flatMap((child) => child.process.pid ?? []),
    output: () => children.map((child) => child.output()).join(""),
    stop: () => Promise.all(children.map(end)),
  };
}

/**
 * PM2 and its usual exporter, which takes its port from argv[1] alone: there `node -e` has the first argument.
 * @param {Setting} setting
 * @returns {Promise<Started>}
 */
async function pm2Exporter(setting) {
  const metricsPort = await freePort();
  const { home, ...daemon } = await pm2(setting);
  const args = ["-e", `require(${JSON.stringify(PM2_EXPORTER)})`, String(metricsPort)];
  const exporter = start(setting.node, args, { env: { PM2_HOME: home } });
  const own = ofChildren([exporter]);
  const stop = async () => {
    await own.stop();
    await daemon.stop();
  };
  const output = () => daemon.output() + own.output();
  return { roots: [...daemon.roots, ...own.roots], output, stop, metricsPort };
}

/**
 * @param {Setting} setting
 * @returns {Promise<Started & { home: string }>}
 */
async function pm2({ node, workers, port }) {
  installPeers();
  const home = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const env = { PORT: String(port), PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: "true" };
  const command = (/** @type {string[]} */ ...args) =>
    run(node, [PM2, ...args], { env, timeoutMs: COMMAND_WITHIN_MS });
  const stop = async () => {
    try {
      await command("kill");
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  };
  const starting = { roots: [], output: () => "", stop };
  alive.add(starting);
  try {
    const output = await command("start", APP, "-i", String(workers), "--name", "bench");
    const daemon = Number(readFileSync(join(home, "pm2.pid"), "utf8"));
    return { roots: [daemon], output: () => output, stop, home };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    alive.delete(starting);
  }
}

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}

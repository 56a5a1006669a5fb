/** What the heir costs while it waits, and how soon it is in charge when the supervisor is killed. */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pause, run } from "./children.mjs";
import { freePort } from "./contenders.mjs";
import { allNodes, HOLDFAST } from "./nodes.mjs";
import { memoryOf, preciseCpuMsOf } from "./processes.mjs";
import { spread } from "./statistics.mjs";
import { columns, number, withSpread } from "./table.mjs";

const APP = fileURLToPath(new URL("app.mjs", import.meta.url));
const WORKERS = 2;
const WITHIN_MS = 60_000;
/** What lives less may be followed later: see the page on takeovers. */
const REIGN_MS = 1500;
const POLL_MS = 1;
const PSS_MB_MAX = 25;
/** Of one CPU: none, but for what the kernel counts by chance. */
const PERCENT_MAX = 0.01;
const TAKEOVER_MS_MAX = 1000;
const KIB_PER_MB = 1000 / 1.024;

/**
 * @typedef {object} Figures on one Node
 * @property {string} node
 * @property {number} pssMb
 * @property {number} privateMb no file's
 * @property {number} cpuMs
 * @property {number[]} takeoverMs from the kill to the heir's first word on the control socket
 */

/**
 * @param {import("./run.mjs").Options} options
 * @returns {Promise<import("./run.mjs").Outcome>}
 */
export async function heir({ quick, rounds, log }) {
  const setting = { seconds: quick ? 2 : 10, kills: rounds ?? (quick ? 2 : 10) };
  /** @type {Figures[]} */
  const figures = [];
  /** @type {string[]} */
  const failed = [];
  for (const { version, path } of allNodes()) {
    try {
      figures.push({
        node: version,
        ...(await measure(path, setting, (text) => log(`${version} ${text}`))),
      });
    } catch (error) {
      failed.push(`Node ${version} failed: ${error instanceof Error ? error.message : error}`);
    }
  }
  return {
    text: table(figures, setting),
    targets: figures.flatMap((one) => targets(one, setting)),
    failed,
    data: { setting, figures },
  };
}

/**
 * @param {string} node
 * @param {{ seconds: number, kills: number }} setting
 * @param {(text: string) => void} log
 * @returns {Promise<Omit<Figures, "node">>}
 */
async function measure(node, { seconds, kills }, log) {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const env = { HOLDFAST_HOME: folder, PORT: String(await freePort()) };
  const holdfast = (/** @type {string[]} */ ...args) =>
    run(node, [HOLDFAST, ...args], { env, timeoutMs: WITHIN_MS });
  try {
    await holdfast("start", APP, "-i", String(WORKERS), "-q");
    log("idle");
    const { heir: waiting } = await ruled(holdfast);
    await pause(REIGN_MS);
    const before = preciseCpuMsOf(waiting);
    await pause(seconds * 1000);
    const cpuMs = preciseCpuMsOf(waiting) - before;
    const { pss, anonymous } = memoryOf(waiting);
    /** @type {number[]} */
    const takeoverMs = [];
    while (takeoverMs.length < kills) {
      log(`kill ${takeoverMs.length + 1}`);
      const { supervisor, heir: next } = await ruled(holdfast);
      await pause(REIGN_MS);
      const from = performance.now();
      process.kill(supervisor, "SIGKILL");
      await answeredBy(next, join(folder, "control.sock"));
      takeoverMs.push(performance.now() - from);
    }
    return { pssMb: pss / KIB_PER_MB, privateMb: anonymous / KIB_PER_MB, cpuMs, takeoverMs };
  } finally {
    if (existsSync(join(folder, "state.json"))) await holdfast("shutdown", "-q");
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Who rules, once there is somebody to follow.
 * @param {(...args: string[]) => Promise<string>} holdfast
 * @returns {Promise<{ supervisor: number, heir: number }>}
 */
async function ruled(holdfast) {
  for (const from = performance.now(); performance.now() - from < WITHIN_MS; ) {
    const { supervisor } = JSON.parse(await holdfast("list", "-o", "json")).data;
    if (supervisor?.heir.pid) return { supervisor: supervisor.pid, heir: supervisor.heir.pid };
    await pause(POLL_MS);
  }
  throw new Error("there is no heir");
}

/**
 * Resolves when this process says hello.
 * @param {number} pid
 * @param {string} path
 */
async function answeredBy(pid, path) {
  for (const from = performance.now(); performance.now() - from < WITHIN_MS; ) {
    if ((await firstWords(path)).includes(`"pid":${pid}`)) return;
    await pause(POLL_MS);
  }
  throw new Error(`the heir (pid ${pid}) did not take over`);
}

/**
 * @param {string} path
 * @returns {Promise<string>} "" where nobody answers
 */
function firstWords(path) {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    const done = (/** @type {string} */ text) => {
      socket.destroy();
      resolve(text);
    };
    socket.once("data", (data) => done(data.toString("latin1")));
    socket.once("error", () => done(""));
    socket.once("close", () => done(""));
  });
}

/**
 * @param {readonly Figures[]} figures
 * @param {{ seconds: number }} setting
 */
function table(figures, { seconds }) {
  const rows = figures.map((one) => [
    one.node,
    number(one.pssMb, 1),
    number(one.privateMb, 1),
    number(one.cpuMs, 2),
    withSpread(spread(one.takeoverMs), 0),
  ]);
  const head = [
    "Node",
    "heir's PSS, MB",
    "of it no file's",
    `CPU ms in ${seconds} s`,
    "in charge after, ms (min..max)",
  ];
  return `A supervisor with ${WORKERS} workers, and its heir\n\n${columns([head, ...rows])}`;
}

/**
 * @param {Figures} figures
 * @param {{ seconds: number }} setting
 * @returns {import("./targets.mjs").Target[]}
 */
function targets({ node, pssMb, cpuMs, takeoverMs }, { seconds }) {
  return [
    { what: `Node ${node}: heir's PSS`, value: pssMb, max: PSS_MB_MAX, unit: "MB" },
    {
      what: `Node ${node}: it at idle, % of a CPU`,
      value: cpuMs / (seconds * 10),
      max: PERCENT_MAX,
    },
    {
      what: `Node ${node}: in charge after`,
      value: spread(takeoverMs),
      max: TAKEOVER_MS_MAX,
      unit: "ms",
    },
  ];
}

/** Child processes that are started, listened to, and surely ended. */

import { spawn } from "node:child_process";
import { once } from "node:events";

/** How long a process may take to end on SIGTERM before it is killed. */
const END_WITHIN_MS = 15_000;
const REMEMBERED_CHARS = 4000;

/**
 * @typedef {object} Child
 * @property {import("node:child_process").ChildProcess} process
 * @property {() => string} output the last of what it wrote to either stream
 * @property {Promise<number | null>} ended with its exit code
 */

/**
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ env?: Record<string, string>, ipc?: boolean }} [options]
 * @returns {Child}
 */
export function start(file, args, { env = {}, ipc = false } = {}) {
  const child = spawn(file, args, {
    env: { ...environment(), ...env },
    stdio: ipc ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk) => {
      text = (text + chunk).slice(-REMEMBERED_CHARS);
    });
  }
  const ended = new Promise((resolve) => {
    child.once("error", (error) => {
      text += String(error);
      resolve(null);
    });
    child.once("exit", (code) => resolve(code));
  });
  return { process: child, output: () => text, ended };
}

/** @param {Child} child */
export async function end({ process: child, ended }) {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), END_WITHIN_MS);
  await ended;
  clearTimeout(timer);
}

/**
 * Runs to the end and gives what was written to stdout; throws when it fails or takes too long.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ env?: Record<string, string>, timeoutMs: number }} options
 */
export async function run(file, args, { env = {}, timeoutMs }) {
  const child = spawn(file, args, {
    env: { ...environment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let output = "";
  let faults = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    faults = (faults + chunk).slice(-REMEMBERED_CHARS);
  });
  const [code, signal] = await once(child, "close");
  if (code !== 0) throw new Error(`${args[0]} ended with ${signal ?? code}: ${faults}`);
  return output;
}

/** Ours, without what would change how Node runs. */
function environment() {
  const { NODE_OPTIONS: _options, NODE_COMPILE_CACHE: _cache, ...rest } = process.env;
  return rest;
}

/** @param {number} ms */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Processes from outside, as Linux shows them under /proc. */

import { readdirSync, readFileSync } from "node:fs";
import { pause } from "./children.mjs";

/** Milliseconds in a clock tick; USER_HZ is 100 on every Linux that Node runs on. */
export const TICK_MS = 10;
const POLL_MS = 20;

/**
 * @typedef {object} Stat
 * @property {number} parent
 * @property {number} ticks of CPU time, in user and kernel mode
 * @property {number} startedAt in ticks since boot: with the pid it names a process for good
 */

/**
 * Null when there is no such process, or only what is left of one.
 * @param {number} pid
 * @returns {Stat | null}
 */
export function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command's name stands in parentheses and may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") return null;
    const number = (/** @type {number} */ index) => Number(fields[index]);
    return { parent: number(1), ticks: number(11) + number(12), startedAt: number(19) };
  } catch {
    return null;
  }
}

/**
 * The processes themselves and all that descend from them.
 * @param {readonly number[]} roots
 * @returns {number[]}
 */
export function familyOf(roots) {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parents = pids.map((pid) => [Number(pid), statOf(Number(pid))?.parent]);
  const family = new Set(roots);
  for (let before = 0; before < family.size; ) {
    before = family.size;
    for (const [pid, parent] of parents) {
      if (pid !== undefined && parent !== undefined && family.has(parent)) family.add(pid);
    }
  }
  return [...family];
}

/**
 * CPU time of living processes in milliseconds, in steps of a tick.
 * @param {readonly number[]} pids
 */
export function cpuMsOf(pids) {
  return pids.reduce((total, pid) => total + (statOf(pid)?.ticks ?? 0), 0) * TICK_MS;
}

/**
 * CPU time by the scheduler's own count, finer than a tick; NaN where the kernel does not tell.
 * @param {number} pid
 */
export function preciseCpuMsOf(pid) {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const spent = tasks.map((task) =>
      readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1"),
    );
    return spent.reduce((total, text) => total + Number(text.split(" ")[0]), 0) / 1e6;
  } catch {
    return Number.NaN;
  }
}

/**
 * What the whole machine spent working, and what it could have.
 * @returns {{ busyMs: number, totalMs: number }}
 */
export function machineCpu() {
  const line = readFileSync("/proc/stat", "latin1").split("\n", 1)[0] ?? "";
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busy = user + nice + system + irq + soft + steal;
  return { busyMs: busy * TICK_MS, totalMs: (busy + idle + wait) * TICK_MS };
}

/**
 * Memory in KiB: `pss` shares each page among the processes that map it; `anonymous` is the part of it that
 * is no file's.
 * @param {number} pid
 */
export function memoryOf(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const field = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]);
  return { pss: field("Pss"), anonymous: field("Pss_Anon") };
}

/**
 * SIGKILL to those of the processes that do not end by themselves in time; tells which.
 * @param {ReadonlyMap<number, Stat>} seen as they were before
 * @param {number} withinMs
 */
export async function killLeft(seen, withinMs) {
  const living = () =>
    [...seen].flatMap(([pid, stat]) => (statOf(pid)?.startedAt === stat.startedAt ? [pid] : []));
  const deadline = performance.now() + withinMs;
  while (living().length > 0 && performance.now() < deadline) await pause(POLL_MS);
  const left = living();
  for (const pid of left) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
  return left;
}

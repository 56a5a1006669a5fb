/** One turn of the benchmark `bus`: all its processes are made for it and end with it. */

import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { end, start } from "./children.mjs";
import { REDIS } from "./nodes.mjs";
import { cpuMsOf, familyOf, killLeft, machineCpu, statOf } from "./processes.mjs";

const PRIMARY = fileURLToPath(new URL("bus-primary.mjs", import.meta.url));
const SPARE_MS = 20_000;
const LEAVE_WITHIN_MS = 1000;

/**
 * @typedef {object} Turn
 * @property {number} round
 * @property {string} case
 * @property {string} contender
 * @property {number} perSecond
 * @property {number} p50Ms
 * @property {number} p99Ms
 * @property {Record<string, number>} cpuMicros CPU time for one message or request, by process: `middle` is what stands between the two
 * @property {number} [loopP99Ms] how late the event loop of the process in the middle was, where it has one
 * @property {number} [loopMaxMs]
 * @property {number} [loopBusy] share of the time it was active
 * @property {Record<string, number>} errors
 * @property {number} othersShare of the machine's CPU time, used by other programs
 * @property {number} tries
 */

/**
 * @param {string} node the binary
 * @param {{ round: number, which: string, contender: string }} what
 * @param {{ seconds: number, warmup: number }} pace
 * @returns {Promise<Turn>}
 */
export async function busTurn(node, { round, which, contender }, { seconds, warmup }) {
  const before = machineCpu();
  const args = [PRIMARY, contender, which, String(seconds), String(warmup)];
  const child = start(node, args, { env: { BENCH_REDIS: REDIS }, ipc: true });
  try {
    const result = await heard(child, (seconds + warmup) * 1000 + SPARE_MS);
    // They are new, so that what they have used they have used in this turn.
    const ownMs = cpuMsOf(familyOf([child.process.pid ?? 0]));
    const machine = machineCpu();
    const othersMs = machine.busyMs - before.busyMs - ownMs;
    const othersShare = Math.max(0, othersMs) / (machine.totalMs - before.totalMs);
    return { round, case: which, contender, ...result, othersShare, tries: 1 };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${child.output()}`);
  } finally {
    await leave(child);
  }
}

/**
 * @param {import("./children.mjs").Child} child
 * @param {number} withinMs
 */
async function heard(child, withinMs) {
  const given = new AbortController();
  const timer = setTimeout(() => given.abort(), withinMs);
  void child.ended.then(() => given.abort());
  try {
    const [result] = await once(child.process, "message", { signal: given.signal });
    return result;
  } catch {
    throw new Error("it told no result");
  } finally {
    clearTimeout(timer);
  }
}

/** @param {import("./children.mjs").Child} child */
async function leave(child) {
  const family = familyOf([child.process.pid ?? 0]).flatMap((pid) => {
    const stat = statOf(pid);
    return stat ? [/** @type {const} */ ([pid, stat])] : [];
  });
  await end(child);
  const left = await killLeft(new Map(family), LEAVE_WITHIN_MS);
  if (left.length > 0) throw new Error(`${left.length} processes were left behind`);
}

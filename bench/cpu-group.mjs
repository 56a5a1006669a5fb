/**
 * A CPU control group of the benchmark's own. Where the kernel schedules by session (sched_autogroup, on
 * desktops and bare machines), processes that are sessions of their own, as Holdfast's workers are, get
 * another share than those that are not. Inside any control group, so in every container and every
 * systemd service, it does not: that is where servers run, so that is what is measured.
 */

import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";

const LEAVE_TRIES = 20;
const LEAVE_PAUSE_MS = 50;
const GROUP = `/sys/fs/cgroup/cpu/holdfast-bench-${process.pid}`;

/**
 * Enters it where sessions count and this process may; its children follow.
 * @returns {"by process" | "by session"} how the kernel shares the CPUs among the contenders
 */
export function enterCpuGroup() {
  if (!countsSessions()) return "by process";
  try {
    mkdirSync(GROUP);
    writeFileSync(`${GROUP}/cgroup.procs`, String(process.pid));
    process.once("exit", leave);
    return "by process";
  } catch {
    return "by session";
  }
}

function countsSessions() {
  try {
    return readFileSync("/proc/sys/kernel/sched_autogroup_enabled", "utf8").trim() === "1";
  } catch {
    return false;
  }
}

/** Children that have just ended stand in it a moment longer. */
function leave() {
  writeFileSync("/sys/fs/cgroup/cpu/cgroup.procs", String(process.pid));
  for (let tries = 0; tries < LEAVE_TRIES; tries++) {
    try {
      return rmdirSync(GROUP);
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LEAVE_PAUSE_MS);
    }
  }
}

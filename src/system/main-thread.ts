/** What Linux tells about the main thread of a process, the one that runs JavaScript (proc(5)). */

import { readText } from "./read.ts";

export interface MainThread {
  /** R running, S sleeping, D waiting for a device, T stopped, t traced, Z zombie. */
  readonly state: string;
  /** CPU time used so far in clock ticks (USER_HZ, 100 a second). */
  readonly cpuTicks: number;
  /** Page faults so far that had to read from a disk. */
  readonly majorFaults: number;
}

/** Never throws: null elsewhere than on Linux, or when the process is gone. */
export function mainThreadOf(pid: number): MainThread | null {
  return parseStat(readText(`/proc/${pid}/task/${pid}/stat`) ?? "");
}

/** Where in the kernel it waits, such as `futex_wait_queue`; null where it does not, or that is not told. */
export function waitChannelOf(pid: number): string | null {
  const name = readText(`/proc/${pid}/task/${pid}/wchan`) ?? "";
  return /^[a-z]\w+$/i.test(name) ? name : null;
}

/** The process has a handler for the signal (proc(5), SigCgt); null where that is not told. */
export function catchesSignal(pid: number, signal: number): boolean | null {
  const status = readText(`/proc/${pid}/status`) ?? "";
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return mask === undefined ? null : (BigInt(`0x${mask}`) >> BigInt(signal - 1)) % 2n === 1n;
}

/** A name may hold blanks and parentheses, so the last one counts. */
export function parseStat(stat: string): MainThread | null {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0] ?? "";
  const majorFaults = Number(fields[9] ?? "none");
  const cpuTicks = Number(fields[11] ?? "none") + Number(fields[12] ?? "none");
  if (state.length !== 1 || Number.isNaN(majorFaults) || Number.isNaN(cpuTicks)) return null;
  return { state, cpuTicks, majorFaults };
}

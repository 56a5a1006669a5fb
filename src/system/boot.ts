/** Which run of the machine this is, and a clock that all processes of it share. */

import { readlinkSync } from "node:fs";
import { uptime } from "node:os";
import { readText } from "./read.ts";

/** A machine that has started anew within this time of its start before that does not exist. */
const SAME_START_S = 30;

/**
 * What a pid means something in: this start of the machine and, on Linux, this table of processes, which a
 * container that starts anew gets anew. To be compared by `isSameBoot`.
 */
export function bootId(): string {
  const boot = readText("/proc/sys/kernel/random/boot_id")?.trim();
  if (boot) return `${boot} ${processTable()}`;
  return `at ${Math.round(Date.now() / 1000 - uptime())}`;
}

/** Where the system tells only when it has started, that instant moves with corrections of its clock. */
export function isSameBoot(one: string, other: string): boolean {
  const [at, otherAt] = [startIn(one), startIn(other)];
  if (at === null || otherAt === null) return one === other;
  return Math.abs(at - otherAt) < SAME_START_S;
}

/**
 * What added to `performance.now()` gives an instant of the clock all processes of this boot share, in
 * milliseconds. Setting the time of day does not move it.
 */
export function sharedClockOffset(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now();
}

function processTable(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

function startIn(boot: string): number | null {
  const at = /^at (\d+)$/.exec(boot)?.[1];
  return at === undefined ? null : Number(at);
}

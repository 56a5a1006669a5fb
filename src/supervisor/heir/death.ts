/** Whether a supervisor whose channel has ended is dead. */

import { setTimeout as pause } from "node:timers/promises";
import { isRunning } from "../../system/proc.ts";
import type { Owner } from "../home-lock.ts";

/** The channel ends while the process is being taken down: it is seen to be dead some moments later. */
const DEAD_WITHIN_MS = 5000;
const LOOK_EVERY_MS = 2;

/** Resolves with true as soon as the process is gone, and with false where it lives on without its channel. */
export async function dies(owner: Owner): Promise<boolean> {
  const until = performance.now() + DEAD_WITHIN_MS;
  while (isRunning(owner)) {
    if (performance.now() >= until) return false;
    await pause(LOOK_EVERY_MS);
  }
  return true;
}

/** A worker that is just being started ends with its supervisor, until its agent runs: no moment for an upgrade. */

import { setTimeout as pause } from "node:timers/promises";
import type { Apps } from "../apps.ts";

/** One that has not got so far by then may never do. Milliseconds. */
const WITHIN_MS = 5000;
/** Nobody says that all are up; the first word of an agent is some milliseconds late at most. */
const LOOK_EVERY_MS = 5;

/** Resolves when every worker would outlive this process, in the same turn of the event loop. */
export async function allUp(apps: Pick<Apps, "areUp">): Promise<void> {
  const until = performance.now() + WITHIN_MS;
  while (!apps.areUp() && performance.now() < until) await pause(LOOK_EVERY_MS);
}

/** An app's state as the next supervisor takes it up: nobody is judged by what nobody could hear. Pure. */

import type { App } from "./app.ts";
import type { Worker } from "./worker.ts";

/** Who is gone is found to be gone before its time is judged. Milliseconds. */
const LOOK_WITHIN_MS = 250;
/** A worker that became ready meanwhile says so as soon as it has found its new supervisor. Milliseconds. */
const SAY_SO_WITHIN_MS = 2000;

/**
 * The state at `now`: deadlines that passed while there was no supervisor come in a moment. A worker on the way up
 * may have become ready, and one that is gone must not count as settled before its end is known.
 */
export function takenUp(app: App, now: number): App {
  return { ...app, workers: app.workers.map((worker) => spared(worker, now)) };
}

function spared(worker: Worker, now: number): Worker {
  const withinMs = worker.phase === "starting" ? SAY_SO_WITHIN_MS : LOOK_WITHIN_MS;
  const deadline = Math.max(worker.deadline, now + withinMs);
  return deadline === worker.deadline ? worker : { ...worker, deadline };
}

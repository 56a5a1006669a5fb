/** The exit status of `run`: the app's own, as an init would give it. */

import { constants } from "node:os";
import type { Supervisor } from "../supervisor/supervisor.ts";

/**
 * 0 when every worker that was stopped ended with code 0; otherwise the first other code, or
 * 128 + n for a worker that signal n ended, such as 137 for one killed at the end of its drain.
 */
export function exitStatusOf(supervisor: Supervisor): () => number {
  let status = 0;
  // One that was replaced while the app ran on has no part in how it ended.
  const isStopping = (app: string, reason: string): boolean =>
    ["stop", "drain_timeout", "killed", "stopped"].includes(reason) &&
    !supervisor.status().some((each) => each.name === app && each.status === "running");
  supervisor.on("worker:exit", ({ app, reason, code, signal }) => {
    if (status !== 0 || !isStopping(app, reason)) return;
    // SIGTERM ends a worker that was still booting: our own signal, no fault of the app.
    if (signal && signal !== "SIGTERM")
      status = 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
    else status = code ?? 0;
  });
  return () => status;
}

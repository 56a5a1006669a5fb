/** Ties an app's triggers to the app: what fires becomes a reload or the replacement of one worker. */

import { HoldfastError } from "../errors.ts";
import { reloadApp } from "./app-control.ts";
import type { AppRunner } from "./app-runner.ts";
import type { Emit } from "./events.ts";
import { Triggers } from "./triggers.ts";

export function triggersOf(runner: AppRunner, emit: Emit): Triggers {
  const fired = (trigger: "cron" | "watch" | "memory", worker: number | null, why: string): void =>
    emit("trigger:fired", { app: runner.options.name, trigger, worker, why });
  return new Triggers({
    serving: () =>
      runner.app.workers.flatMap(({ id, phase, unwell }) => {
        const pid = runner.workers.get(id)?.process.pid ?? null;
        return phase === "ready" && pid !== null ? [{ worker: id, pid, unwell: unwell !== null }] : [];
      }),
    reload(trigger, why) {
      fired(trigger, null, why);
      reloadApp(runner).catch((error: unknown) => {
        // Its failure has been told by the reload's own events; what is thrown before is told here.
        if (error instanceof HoldfastError && error.code === "HF_RELOAD_FAILED") return;
        const fault = error instanceof Error ? error.message : String(error);
        emit("trigger:fault", { app: runner.options.name, trigger, fault });
      });
    },
    replace(worker, why) {
      fired("memory", worker, why);
      runner.dispatch({ type: "worker-unwell", worker, reason: "memory_limit" });
    },
    fault: (trigger, fault) => emit("trigger:fault", { app: runner.options.name, trigger, fault }),
  });
}

/** Ties an app's triggers to the app: what fires becomes a reload or the replacement of one worker. */

import type { Choice } from "../core/limits.ts";
import type { Worker } from "../core/worker.ts";
import { HoldfastError } from "../errors.ts";
import { reloadApp } from "./app-control.ts";
import type { AppRunner } from "./app-runner.ts";
import type { Emit, Trigger } from "./events.ts";
import type { Pulse } from "./pulse.ts";
import type { Candidate } from "./triggers/limits.ts";
import { Triggers } from "./triggers/triggers.ts";

const TRIGGER_OF = {
  memory_limit: "memory",
  max_lifetime: "lifetime",
  max_requests: "requests",
  unhealthy: "health",
} as const satisfies Record<Choice["reason"], Trigger>;

export function triggersOf(runner: AppRunner, emit: Emit, pulse: Pulse): Triggers {
  const fired = (trigger: Trigger, worker: number | null, why: string): void =>
    emit("trigger:fired", { app: runner.options.name, trigger, worker, why });
  return new Triggers(
    {
      candidates: () => runner.app.workers.flatMap((worker) => candidateOf(runner, worker)),
      isReloading: () => runner.app.status !== "running" || runner.app.reload !== null,
      reload(trigger, why) {
        fired(trigger, null, why);
        reloadApp(runner).catch((error: unknown) => {
          // Its failure has been told by the reload's own events; what is thrown before is told here.
          if (error instanceof HoldfastError && error.code === "HF_RELOAD_FAILED") return;
          const fault = error instanceof Error ? error.message : String(error);
          emit("trigger:fault", { app: runner.options.name, trigger, fault });
        });
      },
      replace({ id, reason, why }) {
        fired(TRIGGER_OF[reason], id, why);
        runner.dispatch({ type: "worker-unwell", worker: id, reason });
      },
      kill(worker, why) {
        fired("memory-hard", worker, why);
        runner.dispatch({ type: "worker-over-limit", worker });
      },
      fault: (trigger, fault) =>
        emit("trigger:fault", { app: runner.options.name, trigger, fault }),
    },
    pulse,
  );
}

function candidateOf(runner: AppRunner, worker: Worker): readonly Candidate[] {
  const { id, phase, settled, unwell, startedAt, readyAt } = worker;
  const running = runner.workers.get(id);
  const pid = running?.process.pid ?? null;
  if (!running || pid === null || phase === "killing" || phase === "exited") return [];
  const { handled, fault, faultAt } = running.signs;
  const now = performance.now();
  return [
    {
      ...{ id, pid, settled, handled, fault },
      unwell: unwell !== null,
      serves: phase === "ready",
      ageMs: now - startedAt,
      servedMs: now - (readyAt ?? now),
      faultForMs: now - faultAt,
    },
  ];
}

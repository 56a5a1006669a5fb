/** What was decided becomes deeds: one effect at a time, in the order in which the core gives them. */

import type { Effect } from "../core/effects.ts";
import type { Worker } from "../core/worker.ts";
import type { AppRunner } from "./app-runner.ts";
import { type Surroundings, startWorker } from "./worker-start.ts";

export function carryOut(runner: AppRunner, effect: Effect, around: Surroundings): void {
  switch (effect.type) {
    case "spawn":
      return startWorker(runner, effect.worker, around);
    case "assign":
      runner.gatekeeper.accept(effect.workers);
      return runner.listeners.accept(effect.workers);
    case "activate":
      return runner.workers.get(effect.worker.id)?.process.send({ t: "activate" });
    case "drain":
      return drain(runner, effect.worker);
    case "hurry": {
      const withinMs = Math.max(0, Math.round(effect.worker.deadline - performance.now()));
      const process = runner.workers.get(effect.worker.id)?.process;
      return runner.deliveries.after(() => process?.send({ t: "hurry", withinMs }));
    }
    case "kill":
      return runner.workers.get(effect.worker.id)?.kill();
    case "report":
      return runner.reporter.report(effect.report);
  }
}

function drain(runner: AppRunner, worker: Worker): void {
  const process = runner.workers.get(worker.id)?.process;
  runner.listeners.forget(worker.id);
  const { drainTimeoutMs: timeoutMs } = runner.policy;
  runner.deliveries.after(() => {
    process?.send({ t: "drain", timeoutMs, reason: worker.leaving });
    // A worker that is not ready yet, or no longer listens to us, serves nothing we could drain.
    if (worker.readyAt === null || worker.leaving === "disconnected") process?.signal("SIGTERM");
  });
  runner.reporter.draining(worker);
}

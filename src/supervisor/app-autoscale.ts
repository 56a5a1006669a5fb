/** Ties the autoscaler to its app. */

import { boundsOf, isRange } from "../config/instances.ts";
import type { App } from "../core/app.ts";
import { affordableSize, type ScalePolicy } from "../core/scale.ts";
import { usableCpus } from "../system/cpus.ts";
import { availableMemory } from "../system/memory.ts";
import { usageOf } from "../system/proc.ts";
import { readText } from "../system/read.ts";
import type { AppRunner } from "./app-runner.ts";
import { Autoscale, type Autoscaled, type Scene } from "./autoscale.ts";
import type { Emit } from "./events.ts";
import type { Pulse } from "./pulse.ts";

const MIB = 1024 * 1024;

export function autoscaleOf(runner: AppRunner, emit: Emit, pulse: Pulse): Autoscale {
  const app: Autoscaled = {
    policy: () => (runner.app.status === "running" ? policyFor(runner) : null),
    scene: () => sceneOf(runner.app, performance.now()),
    affordable: (size, wanted) =>
      affordableSize(size, wanted, availableMemory(readText), largestOf(runner)),
    scale(from, to, why) {
      emit("app:autoscaled", { app: runner.options.name, from, to, why });
      runner.resize(to);
    },
    lacksMemory(size, wanted) {
      const [needs, has] = [largestOf(runner), availableMemory(readText)].map(
        (bytes) => `${Math.round((bytes ?? 0) / MIB)} MiB`,
      );
      const why = `a worker needs ${needs} of memory, and ${has} are left`;
      emit("app:autoscale-refused", { app: runner.options.name, size, wanted, why });
    },
  };
  return new Autoscale(app, pulse);
}

/** The bounds of an app whose number of workers follows its load, on this machine and now; null for any other. */
export function rangeOf({ options }: AppRunner): { min: number; max: number } | null {
  return isRange(options.instances) ? boundsOf(options.instances, usableCpus().count) : null;
}

function policyFor({ options }: AppRunner): ScalePolicy | null {
  const { instances } = options;
  return isRange(instances) ? { ...instances, ...boundsOf(instances, usableCpus().count) } : null;
}

function sceneOf(app: App, now: number): Scene {
  const { size, reload, queued, target, stable, workers, histories } = app;
  const slots = Array.from({ length: size }, (_, slot) => slot);
  const ready = slots.flatMap((slot) => {
    const found = workers.find((worker) => worker.slot === slot && worker.phase === "ready");
    return found ? [found.id] : [];
  });
  const isTrouble = histories
    .slice(0, size)
    .some(({ failed, done, retryAt }) => failed || done || retryAt > now);
  const isReload = reload !== null || queued !== null || target !== stable;
  return { size, workers: ready, held: isReload || isTrouble };
}

/** Resident bytes; null where nothing is known. */
function largestOf({ app, workers }: AppRunner): number | null {
  const sizes = app.workers.flatMap(({ id, phase }) => {
    const pid = workers.get(id)?.process.pid ?? null;
    const bytes = phase === "ready" && pid !== null ? usageOf(pid)?.memoryBytes : undefined;
    return bytes === undefined ? [] : [bytes];
  });
  return sizes.length === 0 ? null : Math.max(...sizes);
}

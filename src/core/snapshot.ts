/** What is shown of an app: by `status()`, and later by the command line, the API and metrics. Pure. */

import type { App } from "./app.ts";
import { FRESH } from "./restarts.ts";
import type { Worker } from "./worker.ts";

export interface WorkerStatus {
  readonly id: number;
  readonly pid: number | null;
  readonly slot: number;
  readonly generation: number;
  readonly phase: Worker["phase"];
  /** Milliseconds since the process was started. */
  readonly ageMs: number;
  readonly settled: boolean;
}

export interface SlotStatus {
  readonly slot: number;
  /**
   * `failed`: the restart budget is spent, one try per window, or none where nothing restarts it;
   * `waiting`: in backoff; `done`: its worker has ended as it should.
   */
  readonly state: "ready" | "starting" | "waiting" | "failed" | "done" | "empty";
  /** Crashes within the restart window. */
  readonly crashes: number;
  /** Milliseconds until the next try, null when none is due. */
  readonly retryInMs: number | null;
}

export interface AppStatus {
  readonly name: string;
  readonly status: App["status"];
  readonly instances: number;
  /** The bounds within which that follows the load; null where it is fixed. */
  readonly range: { readonly min: number; readonly max: number } | null;
  readonly ready: number;
  /** The generation that last settled in every slot. */
  readonly generation: number;
  readonly reloading: boolean;
  /** Workers of more than one generation serve although no reload is under way. */
  readonly mixed: boolean;
  /** Addresses the app listens on, such as `127.0.0.1:3000` or `/run/app.sock`. */
  readonly addresses: readonly string[];
  readonly workers: readonly WorkerStatus[];
  readonly slots: readonly SlotStatus[];
}

export interface Facts {
  readonly name: string;
  readonly range: AppStatus["range"];
  readonly addresses: readonly string[];
  pidOf(worker: number): number | null;
}

export function snapshot(app: App, now: number, facts: Facts): AppStatus {
  return {
    name: facts.name,
    status: app.status,
    instances: app.size,
    range: facts.range,
    ready: app.workers.filter((worker) => worker.phase === "ready").length,
    generation: app.stable,
    reloading: app.reload !== null,
    mixed: app.mixed && app.reload === null,
    addresses: facts.addresses,
    workers: app.workers.map((worker) => ({
      id: worker.id,
      pid: facts.pidOf(worker.id),
      slot: worker.slot,
      generation: worker.generation,
      phase: worker.phase,
      ageMs: Math.round(now - worker.startedAt),
      settled: worker.settled,
    })),
    slots: Array.from({ length: app.size }, (_, slot) => slotStatus(app, slot, now)),
  };
}

function slotStatus(app: App, slot: number, now: number): SlotStatus {
  const history = app.histories[slot] ?? FRESH;
  const phases = app.workers.filter((worker) => worker.slot === slot).map((worker) => worker.phase);
  const isWaiting = history.retryAt > now && !history.done;
  const state = phases.includes("ready")
    ? "ready"
    : phases.includes("starting")
      ? "starting"
      : history.failed
        ? "failed"
        : history.done
          ? "done"
          : isWaiting
            ? "waiting"
            : "empty";
  return {
    slot,
    state,
    crashes: history.crashes.length,
    retryInMs: isWaiting ? Math.round(history.retryAt - now) : null,
  };
}

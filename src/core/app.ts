/**
 * One app's decisions, pure: `step(app, event, policy)` first *hears* what happened, then *decides*
 * from the state alone. A reload is convergence towards a target generation; rolling back is a
 * reload towards the stable one. What to do is the difference of two states (effects.ts).
 */

import { converge } from "./converge.ts";
import { type Effect, effectsBetween } from "./effects.ts";
import { hear } from "./hear.ts";
import { type Reload, settleReload } from "./reload.ts";
import type { RestartHistory, RestartPolicy } from "./restarts.ts";
import type { Exit, UnwellReason, Worker, WorkerLimits } from "./worker.ts";

export interface AppPolicy extends RestartPolicy, WorkerLimits {
  /** `rolling`: slot after slot; `all-at-once`: a full new set settles before any old worker drains. */
  readonly strategy: "rolling" | "all-at-once";
  /** What makes a worker ready; with `listen` a program that never listens is ready after `minUptimeMs`. */
  readonly ready: "listen" | "told";
  /** A new worker becomes active only after the old one of its slot has released its consumers. */
  readonly handover: boolean;
}

export interface App {
  readonly status: "idle" | "running" | "stopping" | "stopped";
  /** Slots the app should have. */
  readonly size: number;
  /** The generation slots converge to. `target !== stable` is "a reload is proving itself". */
  readonly target: number;
  /** The last generation that settled in every slot. */
  readonly stable: number;
  /** The highest number given out; numbers are never used twice. */
  readonly newest: number;
  /** Two generations serve on purpose: there was no way back after a failed reload in place. */
  readonly mixed: boolean;
  readonly reload: Reload | null;
  /** The last reload that came to its end, with its failure if it had one. */
  readonly ended: Reload | null;
  /** A reload was asked for during a reload: one more follows. */
  readonly queued: { readonly canGoBack: boolean } | null;
  /** Slots whose workers have listened on an address: there, ready means listening from now on. */
  readonly listening: readonly number[];
  readonly workers: readonly Worker[];
  /** By slot. */
  readonly histories: readonly RestartHistory[];
  readonly nextWorkerId: number;
}

export type AppEvent =
  | { readonly type: "start" }
  | { readonly type: "worker-ready"; readonly worker: number }
  | { readonly type: "worker-listening"; readonly worker: number }
  | {
      readonly type: "worker-exited";
      readonly worker: number;
      readonly exit: Exit;
      /** Its supervisor died while it started: that says nothing about its code. */
      readonly isBlameless?: boolean;
    }
  | { readonly type: "worker-disconnected"; readonly worker: number }
  | { readonly type: "worker-accepting"; readonly worker: number; readonly accepting: boolean }
  | { readonly type: "worker-released"; readonly worker: number }
  | {
      readonly type: "worker-unwell";
      readonly worker: number;
      readonly reason: Exclude<UnwellReason, "unresponsive">;
    }
  /** Its event loop has stood still for too long, or turns again. */
  | { readonly type: "worker-hung"; readonly worker: number; readonly hung: boolean }
  /** Above the hard limit: there is no time to replace it first. */
  | { readonly type: "worker-over-limit"; readonly worker: number }
  | { readonly type: "reload"; readonly canGoBack: boolean }
  | { readonly type: "restart"; readonly slots: readonly number[] | "all" }
  | { readonly type: "scale"; readonly size: number }
  | { readonly type: "stop" }
  | { readonly type: "hurry"; readonly withinMs: number }
  | { readonly type: "kill" }
  | { readonly type: "tick" };

/** When an event is heard, and the chance its decision may use: `random` in [0, 1). */
export interface Moment {
  readonly now: number;
  readonly random: number;
}

export function newApp(size: number, firstWorkerId = 1): App {
  return {
    status: "idle",
    size,
    target: 1,
    stable: 1,
    newest: 1,
    mixed: false,
    listening: [],
    reload: null,
    ended: null,
    queued: null,
    workers: [],
    histories: [],
    nextWorkerId: firstWorkerId,
  };
}

/** One decision. Effects come in the order in which they must be carried out. */
export function step(
  before: App,
  event: AppEvent,
  moment: Moment,
  policy: AppPolicy,
): { readonly app: App; readonly effects: readonly Effect[] } {
  const told = settleReload(hear(before, event, moment, policy));
  const converged = settleReload(converge(told, moment.now, policy));
  // A queued reload that has just begun takes its first step at once.
  const after =
    converged.reload === told.reload ? converged : converge(converged, moment.now, policy);
  return { app: forget(after), effects: effectsBetween(before, after) };
}

/** The earliest instant at which waiting ends something, Infinity when nothing waits. */
export function nextDeadline(app: App, now: number): number {
  const retries = app.histories.map((history) =>
    history.retryAt > now ? history.retryAt : Infinity,
  );
  return Math.min(Infinity, ...app.workers.map((worker) => worker.deadline), ...retries);
}

/** Exited workers have been reported by the effects of this step; the state forgets them. */
function forget(app: App): App {
  const workers = app.workers.filter((worker) => worker.phase !== "exited");
  return workers.length === app.workers.length ? app : { ...app, workers };
}

/** The life of a reload: begun, coalesced, failed, ended. Pure. */

import type { App } from "./app.ts";
import { isComplete } from "./converge.ts";
import { FRESH } from "./restarts.ts";
import { exitReason, isCrash, isHolding, type Worker } from "./worker.ts";

/** A reload under way: from the request until every old worker is gone. */
export interface Reload {
  readonly generation: number;
  /** The generation that served before, and serves again should this one fail. */
  readonly from: number;
  /** The code of `from` is still there to go back to (another resolved path). */
  readonly canGoBack: boolean;
  readonly failure: ReloadFailure | null;
}

export interface ReloadFailure {
  /** The worker whose failure ended the reload, null where it was ended from outside. */
  readonly worker: number | null;
  readonly cause: string;
  /** What became of the app: nothing had changed, all went back, or two generations serve on. */
  readonly outcome: "unchanged" | "rolled-back" | "mixed";
}

/** Starts a reload, or queues one more behind the one under way: callers in between share it. */
export function beginReload(app: App, canGoBack: boolean): App {
  if (app.status !== "running") return app;
  if (app.reload) return { ...app, queued: { canGoBack } };
  const generation = app.newest + 1;
  return {
    ...app,
    target: generation,
    newest: generation,
    mixed: false,
    reload: { generation, from: app.stable, canGoBack, failure: null },
    // New code is a new chance for slots that had given up.
    histories: app.histories.map(() => FRESH),
  };
}

/** A newcomer that fails before it has settled ends the reload, or the way back from one. */
export function blame(app: App, before: Worker, after: Worker): App {
  const { reload } = app;
  const { done = false, failed = false } = app.histories[after.slot] ?? {};
  const isFailure = (isCrash(after) && !(done && !failed)) || after.leaving === "disconnected";
  if (!reload || !isFailure || before.settled || after.generation !== app.target) return app;
  if (app.target === app.stable) return reload.failure ? stayMixed(app, reload.failure) : app;
  const isUntouched = !app.workers.some((worker) => servesAlone(app, worker, after));
  const goesBack = isUntouched || reload.canGoBack;
  return {
    ...app,
    target: reload.from,
    mixed: !goesBack,
    reload: {
      ...reload,
      failure: {
        worker: after.id,
        cause: exitReason(after),
        outcome: isUntouched ? "unchanged" : goesBack ? "rolled-back" : "mixed",
      },
    },
  };
}

/** The worker is of the failed generation and the only one in its slot: its predecessor is gone. */
function servesAlone(app: App, worker: Worker, failed: Worker): boolean {
  if (worker.id === failed.id || !isHolding(worker) || worker.generation !== app.target)
    return false;
  return !app.workers.some(
    (other) =>
      other.slot === worker.slot && isHolding(other) && other.generation !== worker.generation,
  );
}

/** Going back failed as well: nothing is left to converge to, so what serves stays. */
function stayMixed(app: App, failure: ReloadFailure): App {
  if (!app.reload) return app;
  return {
    ...app,
    mixed: true,
    reload: { ...app.reload, failure: { ...failure, outcome: "mixed" } },
  };
}

/** Ends a reload from outside: the app stops, or a restart replaces everything anyway. */
export function abandonReload(app: App, cause: string): App {
  if (!app.reload) return { ...app, queued: null };
  const failure = app.reload.failure ?? { worker: null, cause, outcome: "mixed" as const };
  return { ...app, reload: null, queued: null, ended: { ...app.reload, failure } };
}

/**
 * Takes note of what a reload has reached: a target that settled in every slot is stable; when
 * nothing of another generation is left, the reload is over and a queued one begins.
 */
export function settleReload(app: App): App {
  const proven =
    app.target !== app.stable && isComplete(app) ? { ...app, stable: app.target } : app;
  const { reload } = proven;
  if (!reload || proven.target !== proven.stable) return proven;
  const isLeft = (worker: Worker): boolean =>
    worker.phase !== "exited" &&
    (proven.mixed ? worker.leaving === "reload" : worker.generation !== proven.target);
  if (proven.workers.some(isLeft)) return proven;
  const over: App = { ...proven, reload: null, queued: null, ended: reload };
  return proven.queued ? beginReload(over, proven.queued.canGoBack) : over;
}

/**
 * What to do, as the difference of two states, so that nothing is forgotten or done twice.
 * The order is part of the contract: spawn, assign, activate, drain, kill, report. A new acceptor is
 * told before an old one leaves, and a listener hears of a change only after it has been ordered.
 */

import type { App } from "./app.ts";
import type { Reload } from "./reload.ts";
import type { RestartHistory } from "./restarts.ts";
import { type ExitReason, exitReason, type LeaveReason, type Worker } from "./worker.ts";

export type Effect =
  | { readonly type: "spawn"; readonly worker: Worker }
  /** The workers that accept connections from now on, by id. */
  | { readonly type: "assign"; readonly workers: readonly number[] }
  | { readonly type: "activate"; readonly worker: Worker }
  | { readonly type: "drain"; readonly worker: Worker; readonly reason: LeaveReason }
  /** A drain that is under way must end sooner. */
  | { readonly type: "hurry"; readonly worker: Worker }
  | { readonly type: "kill"; readonly worker: Worker }
  | { readonly type: "report"; readonly report: Report };

export type Report =
  | { readonly type: "worker-started"; readonly worker: Worker }
  | { readonly type: "worker-ready"; readonly worker: Worker }
  | { readonly type: "worker-exited"; readonly worker: Worker; readonly reason: ExitReason }
  | { readonly type: "slot-waiting"; readonly slot: number; readonly history: RestartHistory }
  | { readonly type: "slot-failed"; readonly slot: number; readonly history: RestartHistory }
  | { readonly type: "slot-recovered"; readonly slot: number }
  | { readonly type: "slot-done"; readonly slot: number }
  | { readonly type: "reload-started"; readonly reload: Reload }
  | {
      readonly type: "reload-progress";
      readonly reload: Reload;
      readonly renewed: number;
      readonly of: number;
    }
  | { readonly type: "reload-done"; readonly reload: Reload }
  | { readonly type: "reload-failed"; readonly reload: Reload }
  | { readonly type: "app-scaled"; readonly size: number }
  | { readonly type: "app-stopped" };

/**
 * The workers that may accept: ready, not close to a limit, and not hung unless all are. A newcomer of an unproven generation
 * gets no connection before it has settled, so that code which dies at once takes no request with it.
 */
export function acceptors(app: App): readonly number[] {
  const willing = app.workers.filter((worker) => worker.phase === "ready" && worker.accepting);
  const turning = willing.filter((worker) => !worker.hung);
  const able = turning.length > 0 ? turning : willing;
  const isUnproven = (worker: Worker): boolean =>
    app.target !== app.stable && worker.generation === app.target && !worker.settled;
  const trusted = able.filter((worker) => !isUnproven(worker));
  return (trusted.length > 0 ? trusted : able).map((worker) => worker.id);
}

export function effectsBetween(before: App, after: App): readonly Effect[] {
  const pairs = after.workers.map((worker) => ({
    was: before.workers.find((candidate) => candidate.id === worker.id),
    is: worker,
  }));
  const entered = (phase: Worker["phase"]): readonly Worker[] =>
    pairs.filter(({ was, is }) => is.phase === phase && was?.phase !== phase).map(({ is }) => is);
  const isSame = String(acceptors(before)) === String(acceptors(after));
  return [
    ...entered("starting").map((worker): Effect => ({ type: "spawn", worker })),
    ...(isSame ? [] : [{ type: "assign", workers: acceptors(after) } satisfies Effect]),
    ...pairs
      .filter(({ was, is }) => is.active && !was?.active)
      .map(({ is }): Effect => ({ type: "activate", worker: is })),
    ...entered("draining").map(
      (worker): Effect => ({ type: "drain", worker, reason: worker.leaving ?? "stop" }),
    ),
    ...pairs
      .filter(
        ({ was, is }) =>
          was?.phase === "draining" && is.phase === "draining" && is.deadline < was.deadline,
      )
      .map(({ is }): Effect => ({ type: "hurry", worker: is })),
    ...entered("killing").map((worker): Effect => ({ type: "kill", worker })),
    ...reports(before, after, entered).map((report): Effect => ({ type: "report", report })),
  ];
}

/** Causes first: a worker's start is told after the exit, the reload or the scaling that made it needed. */
function reports(
  before: App,
  after: App,
  entered: (phase: Worker["phase"]) => readonly Worker[],
): readonly Report[] {
  return [
    ...entered("ready").map((worker): Report => ({ type: "worker-ready", worker })),
    ...entered("exited").map(
      (worker): Report => ({ type: "worker-exited", worker, reason: exitReason(worker) }),
    ),
    ...slotReports(before, after),
    ...reloadReports(before, after),
    ...(after.size === before.size
      ? []
      : [{ type: "app-scaled", size: after.size } satisfies Report]),
    ...entered("starting").map((worker): Report => ({ type: "worker-started", worker })),
    ...(after.status === "stopped" && before.status !== "stopped"
      ? [{ type: "app-stopped" } satisfies Report]
      : []),
  ];
}

function slotReports(before: App, after: App): readonly Report[] {
  return after.histories.flatMap((history, slot): readonly Report[] => {
    const was = before.histories[slot];
    if (history.done && !history.failed) return was?.done ? [] : [{ type: "slot-done", slot }];
    if (history.failed && history.retryAt !== was?.retryAt)
      return [{ type: "slot-failed", slot, history }];
    if (was?.failed && !history.failed) return [{ type: "slot-recovered", slot }];
    // A hung worker's successor serves already when it is killed.
    if (after.workers.some((worker) => worker.slot === slot && worker.phase === "ready")) return [];
    const isNewCrash = history.crashes.length > 0 && history.crashes.at(-1) !== was?.crashes.at(-1);
    return isNewCrash ? [{ type: "slot-waiting", slot, history }] : [];
  });
}

function reloadReports(before: App, after: App): readonly Report[] {
  const found: Report[] = [];
  if (after.ended && after.ended !== before.ended) {
    found.push({
      type: after.ended.failure ? "reload-failed" : "reload-done",
      reload: after.ended,
    });
  }
  const { reload } = after;
  if (!reload) return found;
  if (reload.generation !== before.reload?.generation)
    found.push({ type: "reload-started", reload });
  else if (!reload.failure && renewed(after) !== renewed(before)) {
    found.push({ type: "reload-progress", reload, renewed: renewed(after), of: after.size });
  }
  return found;
}

/** Slots that a settled worker of the target generation serves. */
function renewed(app: App): number {
  return new Set(
    app.workers
      .filter(
        (worker) => worker.phase === "ready" && worker.settled && worker.generation === app.target,
      )
      .map((worker) => worker.slot),
  ).size;
}

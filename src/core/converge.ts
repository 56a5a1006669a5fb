/** What is still missing, decided from the state alone: who goes, who becomes active, who starts. Pure. */

import type { App, AppPolicy } from "./app.ts";
import { FRESH } from "./restarts.ts";
import {
  isHolding,
  type LeaveReason,
  newWorker,
  stepWorker,
  type Worker,
  type WorkerEvent,
} from "./worker.ts";

/** Moves the app one step towards what it should be; calling it again on its result changes nothing. */
export function converge(app: App, now: number, policy: AppPolicy): App {
  if (app.status === "stopping") return finishStopping(leave(app, isHolding, "stop", now, policy));
  if (app.status !== "running") return app;
  const sized = retire(withSlots(app), now, policy);
  return start(activate(sized, policy), now, policy);
}

/** A worker of the target generation that has proven itself serves this slot, or has done its work. */
function isServed(app: App, slot: number): boolean {
  const { done = false, failed = false } = app.histories[slot] ?? {};
  if (done && !failed) return true;
  return app.workers.some(
    (worker) =>
      worker.slot === slot &&
      worker.phase === "ready" &&
      worker.settled &&
      worker.generation === app.target,
  );
}

/** Every slot is served by a proven worker of the target generation. */
export function isComplete(app: App): boolean {
  return slotsOf(app).every((slot) => isServed(app, slot));
}

/** Workers that the target generation makes superfluous. Never one that still serves alone. */
function retire(app: App, now: number, policy: AppPolicy): App {
  const complete = isComplete(app);
  const superseded = (worker: Worker): boolean => {
    if (app.mixed) return isSpare(app, worker);
    if (worker.generation === app.target) return false;
    if (worker.phase === "starting") {
      return worker.generation !== app.stable || isServed(app, worker.slot);
    }
    return policy.strategy === "rolling" ? isServed(app, worker.slot) : complete;
  };
  const scaled = leave(app, (worker) => worker.slot >= app.size, "scale_down", now, policy);
  const reloaded = leave(scaled, superseded, "reload", now, policy);
  return replaceUnwell(reloaded, now, policy);
}

/** Unwell workers whose successor has proven itself drain; a hung one cannot, and is killed. */
function replaceUnwell(app: App, now: number, policy: AppPolicy): App {
  const replaced = (worker: Worker): boolean => isHolding(worker) && hasSuccessor(app, worker);
  if (!app.workers.some(replaced)) return app;
  const workers = app.workers.map((worker) => {
    if (!replaced(worker) || worker.unwell === null) return worker;
    const event: WorkerEvent = worker.hung
      ? { type: "kill", reason: "unresponsive" }
      : { type: "leave", reason: worker.unwell };
    return stepWorker(worker, event, now, policy);
  });
  return { ...app, workers };
}

/** Of a hung worker, which serves nobody, it need not have settled. */
function hasSuccessor(app: App, worker: Worker): boolean {
  if (!worker.unwell) return false;
  return app.workers.some(
    (other) =>
      other.slot === worker.slot &&
      other.phase === "ready" &&
      (other.settled || worker.hung) &&
      !other.unwell,
  );
}

/** In a mixed app: a second worker in a slot that an older, proven and well one serves already. */
function isSpare(app: App, worker: Worker): boolean {
  return app.workers.some(
    (other) =>
      other.slot === worker.slot &&
      other.phase === "ready" &&
      other.settled &&
      !other.unwell &&
      (other.id < worker.id || !worker.settled) &&
      other.id !== worker.id,
  );
}

function leave(
  app: App,
  which: (worker: Worker) => boolean,
  reason: LeaveReason,
  now: number,
  policy: AppPolicy,
): App {
  if (!app.workers.some((worker) => isHolding(worker) && which(worker))) return app;
  const workers = app.workers.map((worker) =>
    isHolding(worker) && which(worker)
      ? stepWorker(worker, { type: "leave", reason }, now, policy)
      : worker,
  );
  return { ...app, workers };
}

/** With `handover` a worker becomes active only when no other of its slot still holds its consumers. */
function activate(app: App, policy: AppPolicy): App {
  const holds = (other: Worker, slot: number): boolean =>
    other.slot === slot && other.active && !other.released && other.phase !== "exited";
  const mayActivate = (worker: Worker): boolean =>
    worker.phase === "ready" &&
    !worker.active &&
    !(policy.handover && app.workers.some((other) => holds(other, worker.slot)));
  if (!app.workers.some(mayActivate)) return app;
  const workers = app.workers.map((worker) =>
    mayActivate(worker) ? { ...worker, active: true } : worker,
  );
  return { ...app, workers };
}

function start(app: App, now: number, policy: AppPolicy): App {
  const newcomers = slotsToRenew(app, now, policy).reduce(
    (current, slot) => spawn(current, slot, current.target, now, policy),
    app,
  );
  return slotsToFill(newcomers, now).reduce(
    (current, slot) => spawn(current, slot, fillGeneration(current), now, policy),
    newcomers,
  );
}

/** Slots that get a worker of the target generation beside (or instead of) an outdated one. */
function slotsToRenew(app: App, now: number, policy: AppPolicy): readonly number[] {
  if (app.mixed) return [];
  const holders = app.workers.filter(isHolding);
  const isUnproven = app.target !== app.stable;
  const outdated = holders.some((worker) => worker.generation !== app.target);
  if (!isUnproven && !outdated) return [];
  const lacking = slotsOf(app).filter(
    (slot) =>
      mayStart(app, slot, now) &&
      !holders.some((worker) => worker.slot === slot && worker.generation === app.target) &&
      (isUnproven || holders.some((worker) => worker.slot === slot)),
  );
  if (policy.strategy === "all-at-once") return lacking;
  const isProving = holders.some((worker) => worker.generation === app.target && !worker.settled);
  return isProving ? [] : lacking.slice(0, 1);
}

function slotsToFill(app: App, now: number): readonly number[] {
  return slotsOf(app).filter(
    (slot) =>
      mayStart(app, slot, now) &&
      !app.workers.some((worker) => worker.slot === slot && isHolding(worker) && !worker.unwell),
  );
}

/** During an unproven reload an empty slot is filled with what is known to work. */
function fillGeneration(app: App): number {
  const isProven = app.workers.some(
    (worker) => isHolding(worker) && worker.settled && worker.generation === app.target,
  );
  return isProven ? app.target : app.stable;
}

/** The slot's backoff is over, and no worker that is being restarted still occupies it. */
function mayStart(app: App, slot: number, now: number): boolean {
  const occupied = app.workers.some(
    (worker) => worker.slot === slot && worker.leaving === "restart" && worker.phase !== "exited",
  );
  return !occupied && (app.histories[slot] ?? FRESH).retryAt <= now;
}

function spawn(app: App, slot: number, generation: number, now: number, policy: AppPolicy): App {
  const readyTimeoutMs = startsQuietly(app, slot, policy)
    ? policy.minUptimeMs
    : policy.readyTimeoutMs;
  const born = newWorker({ id: app.nextWorkerId, slot, generation }, now, readyTimeoutMs);
  return { ...app, nextWorkerId: app.nextWorkerId + 1, workers: [...app.workers, born] };
}

/** Nothing has ever listened here: this may be a program that never does, and staying alive is all it can show. */
export function startsQuietly(app: App, slot: number, policy: AppPolicy): boolean {
  return policy.ready === "listen" && !app.listening.includes(slot);
}

function finishStopping(app: App): App {
  const gone = app.workers.every((worker) => worker.phase === "exited");
  return gone ? { ...app, status: "stopped" } : app;
}

function withSlots(app: App): App {
  if (app.histories.length >= app.size) return app;
  const missing = Array.from({ length: app.size - app.histories.length }, () => FRESH);
  return { ...app, histories: [...app.histories, ...missing] };
}

function slotsOf(app: App): readonly number[] {
  return Array.from({ length: app.size }, (_, slot) => slot);
}

/**
 * One app's decisions, pure: `step(app, event, policy)` first *hears* what happened, then *decides*
 * from the state alone. A reload is convergence towards a target generation; rolling back is a
 * reload towards the stable one. What to do is the difference of two states (effects.ts).
 */

import { converge, startsQuietly } from "./converge.ts";
import { type Effect, effectsBetween } from "./effects.ts";
import { abandonReload, beginReload, blame, type Reload, settleReload } from "./reload.ts";
import {
  afterCrash,
  afterSettling,
  FRESH,
  type RestartHistory,
  type RestartPolicy,
} from "./restarts.ts";
import {
  type Exit,
  isCrash,
  stepWorker,
  type Worker,
  type WorkerEvent,
  type WorkerLimits,
} from "./worker.ts";

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
  | { readonly type: "worker-exited"; readonly worker: number; readonly exit: Exit }
  | { readonly type: "worker-disconnected"; readonly worker: number }
  | { readonly type: "worker-accepting"; readonly worker: number; readonly accepting: boolean }
  | { readonly type: "worker-released"; readonly worker: number }
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

function hear(app: App, event: AppEvent, moment: Moment, policy: AppPolicy): App {
  const told = expire(app, moment, policy);
  switch (event.type) {
    case "tick":
      return told;
    case "start":
      return told.status === "idle" ? { ...told, status: "running" } : told;
    case "worker-ready":
      return tell(told, event.worker, { type: "ready" }, moment, policy);
    case "worker-listening":
      return hearListening(told, event.worker, moment, policy);
    case "worker-exited":
      return tell(told, event.worker, { type: "exit", exit: event.exit }, moment, policy);
    case "worker-disconnected":
      return tell(told, event.worker, { type: "leave", reason: "disconnected" }, moment, policy);
    case "worker-accepting":
      return patch(told, event.worker, { accepting: event.accepting });
    case "worker-released":
      return patch(told, event.worker, { released: true });
    case "scale":
      return told.status === "running" ? { ...told, size: event.size } : told;
    case "reload":
      return beginReload(told, event.canGoBack);
    case "restart":
      return restart(told, event.slots, moment, policy);
    case "stop":
      return stop(told);
    case "hurry":
      return hurry(told, moment.now + event.withinMs);
    case "kill":
      return tellAll(told, { type: "kill" }, moment, policy);
  }
}

/** Ends every phase whose time is over. */
function expire(app: App, moment: Moment, policy: AppPolicy): App {
  const due = app.workers.filter((worker) => worker.deadline <= moment.now);
  return due.reduce((told, worker) => {
    const isQuiet = worker.phase === "starting" && startsQuietly(app, worker.slot, policy);
    return tell(told, worker.id, { type: isQuiet ? "ready" : "deadline" }, moment, policy);
  }, app);
}

function hearListening(app: App, id: number, moment: Moment, policy: AppPolicy): App {
  const slot = app.workers.find((worker) => worker.id === id)?.slot;
  const isNew = slot !== undefined && !app.listening.includes(slot);
  const told = isNew ? { ...app, listening: [...app.listening, slot] } : app;
  return policy.ready === "listen" ? tell(told, id, { type: "ready" }, moment, policy) : told;
}

function tell(app: App, id: number, event: WorkerEvent, moment: Moment, policy: AppPolicy): App {
  const before = app.workers.find((worker) => worker.id === id);
  if (!before) return app;
  const after = stepWorker(before, event, moment.now, policy);
  if (after === before) return app;
  const told = replace(app, after);
  return blame(remember(told, before, after, moment, policy), before, after);
}

function tellAll(app: App, event: WorkerEvent, moment: Moment, policy: AppPolicy): App {
  return app.workers.reduce((told, { id }) => tell(told, id, event, moment, policy), app);
}

/** Keeps the slot's restart history: a crash counts, settling forgives. */
function remember(app: App, before: Worker, after: Worker, moment: Moment, policy: AppPolicy): App {
  if (after.settled && !before.settled) return withHistory(app, after.slot, afterSettling);
  const left = after.phase === "draining" && after.leaving === "disconnected";
  if (!isCrash(after) && !left) return app;
  // New code that fails ends its reload; the slot's budget belongs to what serves in it.
  const isUnproven =
    app.target !== app.stable && after.generation === app.target && !before.settled;
  if (isUnproven) return app;
  const crash = { ...moment, healthy: before.settled };
  return withHistory(app, after.slot, (history) => afterCrash(history, crash, policy));
}

function stop(app: App): App {
  if (app.status === "stopping" || app.status === "stopped") return app;
  return { ...abandonReload(app, "the app was stopped"), status: "stopping" };
}

/**
 * Drains the workers of the slots; their places are filled when they are gone, without overlap.
 * Restarting all is a new generation with no way back: the old one was stopped.
 */
function restart(
  app: App,
  slots: readonly number[] | "all",
  moment: Moment,
  policy: AppPolicy,
): App {
  if (app.status !== "running") return app;
  const isChosen = (slot: number): boolean => slots === "all" || slots.includes(slot);
  const told = app.workers
    .filter((worker) => isChosen(worker.slot))
    .reduce(
      (current, { id }) => tell(current, id, { type: "leave", reason: "restart" }, moment, policy),
      slots === "all" ? renew(app) : app,
    );
  const histories = told.histories.map((history, slot) => (isChosen(slot) ? FRESH : history));
  return { ...told, histories };
}

function renew(app: App): App {
  const newest = app.newest + 1;
  return {
    ...abandonReload(app, "a restart replaced it"),
    newest,
    target: newest,
    stable: newest,
    mixed: false,
  };
}

function hurry(app: App, deadline: number): App {
  const workers = app.workers.map((worker) =>
    worker.phase === "draining" && worker.deadline > deadline ? { ...worker, deadline } : worker,
  );
  return { ...app, workers };
}

function replace(app: App, after: Worker): App {
  return {
    ...app,
    workers: app.workers.map((worker) => (worker.id === after.id ? after : worker)),
  };
}

function patch(app: App, id: number, change: Partial<Worker>): App {
  const worker = app.workers.find((candidate) => candidate.id === id);
  return worker ? replace(app, { ...worker, ...change }) : app;
}

function withHistory(
  app: App,
  slot: number,
  change: (history: RestartHistory) => RestartHistory,
): App {
  const histories = [...app.histories];
  while (histories.length <= slot) histories.push(FRESH);
  histories[slot] = change(histories[slot] ?? FRESH);
  return { ...app, histories };
}

/** Exited workers have been reported by the effects of this step; the state forgets them. */
function forget(app: App): App {
  const workers = app.workers.filter((worker) => worker.phase !== "exited");
  return workers.length === app.workers.length ? app : { ...app, workers };
}

/** The first half of a decision: what an event says, written into the state. Nothing is decided yet. Pure. */

import type { App, AppEvent, AppPolicy, Moment } from "./app.ts";
import { startsQuietly } from "./converge.ts";
import { abandonReload, beginReload, blame } from "./reload.ts";
import { afterCrash, afterLast, afterSettling, FRESH, type RestartHistory } from "./restarts.ts";
import {
  type Exit,
  isCrash,
  stepWorker,
  type UnwellReason,
  type Worker,
  type WorkerEvent,
} from "./worker.ts";

/** The state once the event, and every deadline that has passed, has been heard. */
export function hear(app: App, event: AppEvent, moment: Moment, policy: AppPolicy): App {
  const told = expire(app, moment, policy);
  switch (event.type) {
    case "tick":
      return told;
    case "start":
      return start(told);
    case "worker-ready":
      return tell(told, event.worker, { type: "ready" }, moment, policy);
    case "worker-listening":
      return hearListening(told, event.worker, moment, policy);
    case "worker-exited":
      if (event.isBlameless) return exitBlameless(told, event.worker, event.exit, moment, policy);
      return tell(told, event.worker, { type: "exit", exit: event.exit }, moment, policy);
    case "worker-disconnected":
      return tell(told, event.worker, { type: "leave", reason: "disconnected" }, moment, policy);
    case "worker-accepting":
      return patch(told, event.worker, { accepting: event.accepting });
    case "worker-unwell":
      return markUnwell(told, event.worker, event.reason);
    case "worker-hung":
      return hearHung(told, event.worker, event.hung);
    case "worker-over-limit":
      return tell(told, event.worker, { type: "kill", reason: "memory_limit" }, moment, policy);
    case "worker-released":
      return patch(told, event.worker, { released: true });
    case "scale":
      return told.status === "stopping" ? told : { ...told, size: event.size };
    case "reload":
      return beginReload(told, event.canGoBack);
    case "restart":
      return restart(told, event.slots, moment, policy);
    case "stop":
      return stop(told);
    case "hurry":
      return hurry(told, moment.now + event.withinMs);
    case "kill":
      return tellAll(told, { type: "kill", reason: "killed" }, moment, policy);
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

/** What is wrong with a worker that serves; the first reason is kept. */
function markUnwell(app: App, id: number, reason: UnwellReason): App {
  const worker = app.workers.find((candidate) => candidate.id === id);
  if (worker?.phase !== "ready" || worker.unwell) return app;
  return patch(app, id, { unwell: reason });
}

/** One that turns again is replaced all the same, but gets to finish what it has begun. */
function hearHung(app: App, id: number, hung: boolean): App {
  const worker = app.workers.find((candidate) => candidate.id === id);
  if (worker?.phase !== "ready" || worker.hung === hung) return app;
  return patch(app, id, { hung, unwell: hung ? "unresponsive" : worker.unwell });
}

function hearListening(app: App, id: number, moment: Moment, policy: AppPolicy): App {
  const slot = app.workers.find((worker) => worker.id === id)?.slot;
  const isNew = slot !== undefined && !app.listening.includes(slot);
  const told = isNew ? expectListening(app, slot, policy) : app;
  return policy.ready === "listen" ? tell(told, id, { type: "ready" }, moment, policy) : told;
}

/** A slot that listens is not quiet: whoever starts in it already has the time a server gets. */
function expectListening(app: App, slot: number, policy: AppPolicy): App {
  const workers = app.workers.map((worker) =>
    worker.slot === slot && worker.phase === "starting"
      ? { ...worker, deadline: worker.startedAt + policy.readyTimeoutMs }
      : worker,
  );
  return { ...app, workers, listening: [...app.listening, slot] };
}

function tell(app: App, id: number, event: WorkerEvent, moment: Moment, policy: AppPolicy): App {
  const before = app.workers.find((worker) => worker.id === id);
  if (!before) return app;
  const after = stepWorker(before, event, moment.now, policy);
  if (after === before) return app;
  const told = replace(app, after);
  return blame(remember(told, before, after, moment, policy), before, after);
}

/** Neither its slot nor a reload hears of it: another takes its place. */
function exitBlameless(app: App, id: number, exit: Exit, { now }: Moment, policy: AppPolicy): App {
  const before = app.workers.find((worker) => worker.id === id);
  return before ? replace(app, stepWorker(before, { type: "exit", exit }, now, policy)) : app;
}

function tellAll(app: App, event: WorkerEvent, moment: Moment, policy: AppPolicy): App {
  return app.workers.reduce((told, { id }) => tell(told, id, event, moment, policy), app);
}

/** Keeps the slot's restart history: a crash counts, settling forgives. */
function remember(app: App, before: Worker, after: Worker, moment: Moment, policy: AppPolicy): App {
  if (after.settled && !before.settled) return withHistory(app, after.slot, afterSettling);
  const left = after.phase === "draining" && after.leaving === "disconnected";
  if (!isCrash(after) && !left) return app;
  const last = isCrash(after)
    ? afterLast(app.histories[after.slot] ?? FRESH, after.exit?.code ?? null, policy)
    : null;
  if (last) return withHistory(app, after.slot, () => last);
  // New code that fails ends its reload; the slot's budget belongs to what serves in it.
  const isUnproven =
    app.target !== app.stable && after.generation === app.target && !before.settled;
  if (isUnproven) return app;
  const crash = { ...moment, healthy: before.settled };
  return withHistory(app, after.slot, (history) => afterCrash(history, crash, policy));
}

/** What was stopped starts anew: nothing that ended before counts against it. */
function start(app: App): App {
  if (app.status !== "idle" && app.status !== "stopped") return app;
  return { ...app, status: "running", histories: [], listening: [] };
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
    ...abandonReload(app, "it was superseded by a restart of all workers"),
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

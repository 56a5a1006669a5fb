/** One worker's life: phases by events, as one table. Pure. */

export type Phase = "starting" | "ready" | "draining" | "killing" | "exited";

/**
 * Why a worker that serves is to be replaced, its successor first: `memory_limit` it has grown above
 * its limit; `max_lifetime`, `max_requests` it has done its share; `unhealthy` its probe fails;
 * `unresponsive` its event loop does not turn.
 */
export const UNWELL_REASONS = [
  "memory_limit",
  "max_lifetime",
  "max_requests",
  "unhealthy",
  "unresponsive",
] as const;
export type UnwellReason = (typeof UNWELL_REASONS)[number];

/** Why a worker is asked to go. */
export type LeaveReason =
  | UnwellReason
  | "reload"
  | "restart"
  | "scale_down"
  | "stop"
  | "disconnected";

/** Why a worker is killed although nobody asked it to go, or because it did not go. */
export type KillReason =
  | "startup_timeout"
  | "drain_timeout"
  | "unresponsive"
  | "memory_limit"
  | "killed";

/**
 * Why a worker is gone, a closed list:
 * `clean` exit code 0 that nobody asked for; `error` another exit code; `uncaught` an exception or
 * rejection nobody handled; `signal` a signal from outside; `crash` a fault signal (SIGSEGV, SIGABRT,
 * ...); `oom` the heap limit or the kernel's out-of-memory killer; `stopped` killed at its deadline
 * while it was stopped (SIGSTOP); `unknown` it had been adopted and did not say, and only the parent of a
 * process is told how it ends; `spawn_failed` the process could not be created; and what the supervisor did:
 * `startup_timeout drain_timeout disconnected reload restart scale_down stop killed`, and the reasons of
 * `UNWELL_REASONS`.
 */
export const EXIT_REASONS = [
  "clean",
  "error",
  "uncaught",
  "signal",
  "crash",
  "oom",
  "stopped",
  "unknown",
  "spawn_failed",
  "startup_timeout",
  "drain_timeout",
  "disconnected",
  "reload",
  "restart",
  "scale_down",
  "stop",
  "killed",
  ...UNWELL_REASONS,
] as const;
export type ExitReason = (typeof EXIT_REASONS)[number];

/** Ends that somebody asked for and that went as they should. */
const WANTED: readonly ExitReason[] = [
  "reload",
  "restart",
  "scale_down",
  "stop",
  "max_lifetime",
  "max_requests",
];

export function isWanted(reason: ExitReason): boolean {
  return WANTED.includes(reason);
}

/** How the process ended, as the operating system tells it, and what the shell made of it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** What the ending looks like from outside, when nobody had asked the worker to go. */
  readonly reason: ExitReason;
}

export interface Worker {
  /** Unique in the life of a supervisor; `cluster.worker.id` inside the worker. */
  readonly id: number;
  readonly slot: number;
  readonly generation: number;
  readonly phase: Phase;
  /** When this phase must end: milliseconds of the supervisor's monotonic clock, Infinity for never. */
  readonly deadline: number;
  readonly startedAt: number;
  readonly readyAt: number | null;
  /** Ready for `minUptimeMs`: from now on its death says nothing about its code's ability to start. */
  readonly settled: boolean;
  /** False while the worker is close to a limit (file descriptors) and must not accept. */
  readonly accepting: boolean;
  /** It serves until a successor of its slot does; null: it is well. */
  readonly unwell: UnwellReason | null;
  /** Its event loop does not turn: it cannot drain, and is killed once its successor is ready. */
  readonly hung: boolean;
  /** The code registered with `onActivate()` was told to run. */
  readonly active: boolean;
  /** The consumers registered with `onDrain("consumers")` have finished. */
  readonly released: boolean;
  readonly leaving: LeaveReason | null;
  readonly killed: KillReason | null;
  readonly exit: Exit | null;
}

export interface WorkerLimits {
  readonly readyTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly minUptimeMs: number;
}

export type WorkerEvent =
  | { readonly type: "ready" }
  | { readonly type: "leave"; readonly reason: LeaveReason }
  | { readonly type: "deadline" }
  | { readonly type: "kill"; readonly reason: KillReason }
  | { readonly type: "exit"; readonly exit: Exit };

type Cell<Type extends WorkerEvent["type"]> = (
  worker: Worker,
  event: Extract<WorkerEvent, { type: Type }>,
  now: number,
  limits: WorkerLimits,
) => Worker;
type Table = { readonly [P in Phase]: { readonly [T in WorkerEvent["type"]]: Cell<T> } };

const ignore = (worker: Worker): Worker => worker;

const becomeReady: Cell<"ready"> = (worker, _event, now, limits) => ({
  ...worker,
  phase: "ready",
  readyAt: now,
  deadline: now + limits.minUptimeMs,
});

const settle: Cell<"deadline"> = (worker) => ({ ...worker, settled: true, deadline: Infinity });

const drain: Cell<"leave"> = (worker, event, now, limits) => ({
  ...worker,
  phase: "draining",
  leaving: event.reason,
  deadline: now + limits.drainTimeoutMs,
});

const killFor =
  (reason: KillReason) =>
  (worker: Worker): Worker => ({ ...worker, phase: "killing", killed: reason, deadline: Infinity });

const kill: Cell<"kill"> = (worker, { reason }) => killFor(reason)(worker);

const exit: Cell<"exit"> = (worker, event) => ({
  ...worker,
  phase: "exited",
  exit: event.exit,
  deadline: Infinity,
});

/** The whole life on one screen. A missing cell does not compile. */
export const TABLE: Table = {
  starting: {
    ready: becomeReady,
    leave: drain,
    deadline: killFor("startup_timeout"),
    kill,
    exit,
  },
  ready: { ready: ignore, leave: drain, deadline: settle, kill, exit },
  draining: {
    ready: ignore,
    leave: ignore,
    deadline: killFor("drain_timeout"),
    kill,
    exit,
  },
  killing: { ready: ignore, leave: ignore, deadline: ignore, kill: ignore, exit },
  exited: { ready: ignore, leave: ignore, deadline: ignore, kill: ignore, exit: ignore },
};

export function stepWorker(
  worker: Worker,
  event: WorkerEvent,
  now: number,
  limits: WorkerLimits,
): Worker {
  const cell = TABLE[worker.phase][event.type] as Cell<WorkerEvent["type"]>;
  return cell(worker, event, now, limits);
}

export function newWorker(
  born: { readonly id: number; readonly slot: number; readonly generation: number },
  now: number,
  readyTimeoutMs: number,
): Worker {
  return {
    ...born,
    phase: "starting",
    deadline: now + readyTimeoutMs,
    startedAt: now,
    readyAt: null,
    settled: false,
    accepting: true,
    unwell: null,
    hung: false,
    active: false,
    released: false,
    leaving: null,
    killed: null,
    exit: null,
  };
}

/** Starting or ready: a worker that holds its slot. */
export function isHolding(worker: Worker): boolean {
  return worker.phase === "starting" || worker.phase === "ready";
}

/** Why an exited worker went: what the supervisor did comes before what the exit looked like. */
export function exitReason(worker: Worker): ExitReason {
  if (worker.exit?.reason === "stopped" || worker.exit?.reason === "spawn_failed") {
    return worker.exit.reason;
  }
  return worker.killed ?? worker.leaving ?? worker.exit?.reason ?? "killed";
}

/** An exit that nobody asked for: it counts against the slot's restart budget. */
export function isCrash(worker: Worker): boolean {
  return worker.phase === "exited" && worker.leaving === null && worker.killed !== "killed";
}

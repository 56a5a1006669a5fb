/** What can be asked of one app: start, stop, reload, restart, scale. Each waits for its outcome. */

import type { InstancesInput } from "../config/app.ts";
import { instancesKind, sizeFor } from "../config/instances.ts";
import { type AppStatus, snapshot } from "../core/snapshot.ts";
import { type Fault, HoldfastError } from "../errors.ts";
import { usableCpus } from "../system/cpus.ts";
import { rangeOf } from "./app-autoscale.ts";
import type { AppRunner } from "./app-runner.ts";
import { canGoBack } from "./launch.ts";
import type { Launch } from "./processes.ts";
import { isEverySlotReady, Readiness } from "./readiness.ts";

export interface WaitOptions {
  /** Ends the waiting, not the work. */
  readonly signal?: AbortSignal;
}

const OUTCOMES = {
  unchanged: "Nothing has changed: the previous workers serve as before.",
  "rolled-back": "The slots that had been replaced are back on the previous release.",
  mixed:
    "Slots that had been replaced keep the new code, for there is no previous release to go back to; the others serve as before.",
} as const;

/** Starts the app; resolves when every slot is ready. Rejects with HF_SCRIPT_*, HF_PORT_IN_USE or HF_START_FAILED. */
export async function startApp(runner: AppRunner, { signal }: WaitOptions = {}): Promise<void> {
  runner.fatal = null;
  // What runs goes on with what it was started from.
  if (runner.app.status !== "running") runner.launches.set(runner.app.target, runner.resolve());
  runner.dispatch({ type: "start" });
  runner.watch();
  const readiness = new Readiness(runner);
  const look = (): true | undefined => {
    if (runner.fatal) throw runner.fatal;
    refuseUnlessRunning(runner, "start");
    if (readiness.look()) return true;
    if (hasGivenUp(runner)) throw startFailed(runner);
    return undefined;
  };
  try {
    await runner.waiters.until(look, `the start of ${runner.options.name}`, signal);
  } finally {
    readiness.close();
  }
}

/** Drains and stops every worker; resolves when none is left. */
export async function stopApp(runner: AppRunner, { signal }: WaitOptions = {}): Promise<void> {
  runner.unwatch();
  runner.dispatch({ type: "stop" });
  const look = (): true | undefined => (runner.app.status === "stopped" ? true : undefined);
  await runner.waiters.until(look, `the stop of ${runner.options.name}`, signal);
  runner.close();
}

/**
 * Replaces every worker by one of the current files; resolves with the new generation when the last
 * old worker is gone. Rejects with HF_RELOAD_FAILED, which says what was wrong and what serves now.
 * Calls during a reload share the one that follows it.
 */
export async function reloadApp(runner: AppRunner, { signal }: WaitOptions = {}): Promise<number> {
  refuseUnlessRunning(runner, "reload");
  const generation = runner.app.newest + 1;
  const launch = freshLaunch(runner);
  runner.launches.set(generation, launch);
  const isBackPossible = canGoBack(runner.launches.get(runner.app.stable), launch);
  runner.dispatch({ type: "reload", canGoBack: isBackPossible });
  const look = (): number | undefined => {
    const { ended, reload, queued } = runner.app;
    if (ended?.generation === generation) {
      if (ended.failure) throw reloadFailed(runner, generation);
      return generation;
    }
    const isComing = queued !== null || (reload !== null && reload.generation <= generation);
    if (isComing && runner.app.status === "running") return undefined;
    throw runner.app.status === "running" ? superseded(runner) : reloadFailed(runner, generation);
  };
  await runner.waiters.until(look, `the reload of ${runner.options.name}`, signal);
  forgetOldLaunches(runner);
  return generation;
}

/** Drains the workers, then starts new ones without overlap. Connections wait meanwhile. */
export async function restartApp(
  runner: AppRunner,
  slots: readonly number[] | "all",
  { signal }: WaitOptions = {},
): Promise<void> {
  refuseUnlessRunning(runner, "restart");
  if (slots === "all") runner.launches.set(runner.app.newest + 1, runner.resolve());
  runner.dispatch({ type: "restart", slots });
  const look = (): true | undefined => {
    refuseUnlessRunning(runner, "restart");
    if (hasGivenUp(runner)) throw startFailed(runner);
    const isLeaving = runner.app.workers.some((worker) => worker.leaving === "restart");
    return !isLeaving && isEverySlotReady(runner) ? true : undefined;
  };
  await runner.waiters.until(look, `the restart of ${runner.options.name}`, signal);
}

/** More or fewer slots; resolves when the new ones are ready and the superfluous ones gone. Throws HF_CONFIG_INVALID. */
export async function scaleApp(
  runner: AppRunner,
  instances: InstancesInput,
  { signal }: WaitOptions = {},
): Promise<void> {
  const reading = instancesKind.read(instances);
  if (!reading.ok) throw unreadable(reading.faults);
  refuseUnlessRunning(runner, "scale");
  runner.follow(reading.value);
  runner.resize(sizeFor(reading.value, usableCpus().count, runner.app.size));
  const look = (): true | undefined => {
    refuseUnlessRunning(runner, "scale");
    if (hasGivenUp(runner)) throw startFailed(runner);
    const isOver = runner.app.workers.some((worker) => worker.slot >= runner.app.size);
    return !isOver && isEverySlotReady(runner) ? true : undefined;
  };
  await runner.waiters.until(look, `the scaling of ${runner.options.name}`, signal);
}

/** Waits for a state whoever brings it about; "ready" is what `startApp` waits for. */
export async function untilApp(
  runner: AppRunner,
  state: "ready" | "stopped",
  { signal }: WaitOptions,
): Promise<void> {
  const readiness = new Readiness(runner);
  const isThere = (): boolean =>
    state === "ready"
      ? runner.app.status === "running" && readiness.look()
      : ["idle", "stopped"].includes(runner.app.status);
  const look = (): true | undefined => (isThere() ? true : undefined);
  try {
    await runner.waiters.until(look, `${runner.options.name} to be ${state}`, signal);
  } finally {
    readiness.close();
  }
}

/** Sends a signal to the workers of some slots; gives the pids it was sent to. */
export function signalApp(
  runner: AppRunner,
  slots: readonly number[] | "all",
  signal: NodeJS.Signals,
): number[] {
  const chosen = runner.app.workers.filter(({ slot }) => slots === "all" || slots.includes(slot));
  return chosen.flatMap(({ id }) => {
    const process = runner.workers.get(id)?.process;
    if (!process?.pid) return [];
    process.signal(signal);
    return [process.pid];
  });
}

export function statusOf(runner: AppRunner): AppStatus {
  return snapshot(runner.app, performance.now(), {
    name: runner.options.name,
    range: rangeOf(runner),
    addresses: runner.listeners.addresses(),
    pidOf: (worker) => runner.workers.get(worker)?.process.pid ?? null,
  });
}

/** Every slot that does not serve for good has spent its budget. Trying goes on, waiting does not. */
function hasGivenUp({ app }: AppRunner): boolean {
  const isServed = (slot: number): boolean =>
    app.workers.some(
      (worker) => worker.slot === slot && worker.phase === "ready" && worker.settled,
    );
  const lacking = Array.from({ length: app.size }, (_, slot) => slot).filter(
    (slot) => !isServed(slot) && app.histories[slot]?.done !== true,
  );
  const failed = app.histories.filter((history, slot) => history.failed && !isServed(slot));
  return failed.length > 0 && lacking.every((slot) => app.histories[slot]?.failed === true);
}

function startFailed(runner: AppRunner): HoldfastError {
  const { cause, lastOutput } = runner.reporter.lastObituary() ?? {
    cause: "no worker became ready",
    lastOutput: [],
  };
  return new HoldfastError("HF_START_FAILED", { app: runner.options.name, cause, lastOutput });
}

function reloadFailed(runner: AppRunner, generation: number): HoldfastError {
  const failure = runner.app.ended?.generation === generation ? runner.app.ended.failure : null;
  const found = runner.reporter.obituary(failure?.worker ?? null);
  return new HoldfastError("HF_RELOAD_FAILED", {
    app: runner.options.name,
    cause: found?.cause ?? failure?.cause ?? "the app was stopped",
    outcome: failure?.worker === null || failure === null ? "" : OUTCOMES[failure.outcome],
    lastOutput: found?.lastOutput ?? [],
  });
}

function superseded(runner: AppRunner): HoldfastError {
  const cause = "it was superseded by a restart of all workers";
  return new HoldfastError("HF_RELOAD_FAILED", {
    app: runner.options.name,
    cause,
    outcome: "",
    lastOutput: [],
  });
}

/** What the new generation would run; when that cannot even be found, the reload fails and nothing changes. */
function freshLaunch(runner: AppRunner): Launch {
  try {
    return runner.resolve();
  } catch (error) {
    const cause = (error as Error).message;
    const details = {
      app: runner.options.name,
      cause,
      outcome: OUTCOMES.unchanged,
      lastOutput: [],
    };
    throw new HoldfastError("HF_RELOAD_FAILED", details, { cause: error });
  }
}

function refuseUnlessRunning(runner: AppRunner, action: string): void {
  const { status } = runner.app;
  if (status === "running") return;
  throw (
    runner.fatal ??
    new HoldfastError("HF_NOT_RUNNING", { app: runner.options.name, action, status })
  );
}

function forgetOldLaunches(runner: AppRunner): void {
  for (const generation of runner.launches.keys()) {
    if (generation < runner.app.stable) runner.launches.delete(generation);
  }
}

function unreadable(found: readonly Fault[]): HoldfastError {
  const faults = found.map(({ path, message }) => ({ path: `instances${path}`, message }));
  return new HoldfastError("HF_CONFIG_INVALID", { faults });
}

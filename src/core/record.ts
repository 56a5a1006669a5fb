/**
 * An app's state as the next supervisor finds it: plain JSON, with instants of a clock that both processes share.
 * Pure: `offset` is what added to the own clock gives that one, in milliseconds.
 */

import type { App } from "./app.ts";
import { isCount, isFlag, isNumber, isText, listOf, oneOf, orNull, shaped } from "./conforms.ts";
import type { Reload, ReloadFailure } from "./reload.ts";
import type { RestartHistory } from "./restarts.ts";
import { type Exit, TABLE, type Worker } from "./worker.ts";

/** JSON knows no Infinity: null stands for "never". */
interface RecordedWorker extends Omit<Worker, "deadline"> {
  readonly deadline: number | null;
}

interface RecordedHistory extends Omit<RestartHistory, "retryAt"> {
  readonly retryAt: number | null;
}

/** `App`, with every instant by the shared clock. */
export interface RecordedApp extends Omit<App, "workers" | "histories"> {
  readonly workers: readonly RecordedWorker[];
  readonly histories: readonly RecordedHistory[];
}

const isReload = shaped<Reload>({
  generation: isCount,
  from: isCount,
  canGoBack: isFlag,
  failure: orNull(
    shaped<ReloadFailure>({ worker: orNull(isCount), cause: isText, outcome: isText }),
  ),
});

const isWorker = shaped<RecordedWorker>({
  ...{ id: isCount, slot: isCount, generation: isCount, phase: oneOf(Object.keys(TABLE)) },
  ...{ deadline: orNull(isNumber), startedAt: isNumber, readyAt: orNull(isNumber) },
  ...{ settled: isFlag, accepting: isFlag, unwell: orNull(isText), hung: isFlag },
  ...{ active: isFlag, released: isFlag, leaving: orNull(isText), killed: orNull(isText) },
  exit: orNull(shaped<Exit>({ code: orNull(isNumber), signal: orNull(isText), reason: isText })),
});

const isHistory = shaped<RecordedHistory>({
  ...{ crashes: listOf(isNumber), streak: isCount, retryAt: orNull(isNumber) },
  ...{ failed: isFlag, done: isFlag },
});

const isRecordedApp = shaped<RecordedApp>({
  status: oneOf(["idle", "running", "stopping", "stopped"]),
  ...{ size: isCount, target: isCount, stable: isCount, newest: isCount, mixed: isFlag },
  ...{ reload: orNull(isReload), ended: orNull(isReload) },
  queued: orNull(shaped<NonNullable<App["queued"]>>({ canGoBack: isFlag })),
  ...{ listening: listOf(isCount), workers: listOf(isWorker), histories: listOf(isHistory) },
  nextWorkerId: isCount,
});

/** What JSON can hold of the state, nothing lost. */
export function recordApp(app: App, offset: number): RecordedApp {
  const shared = (instant: number): number => instant + offset;
  const orNever = (instant: number): number | null =>
    instant === Number.POSITIVE_INFINITY ? null : shared(instant);
  return {
    ...app,
    workers: app.workers.map((worker) => ({
      ...worker,
      deadline: orNever(worker.deadline),
      startedAt: shared(worker.startedAt),
      readyAt: worker.readyAt === null ? null : shared(worker.readyAt),
    })),
    histories: app.histories.map((history) => ({
      ...history,
      crashes: history.crashes.map(shared),
      retryAt: orNever(history.retryAt),
    })),
  };
}

/** The state again, by the own clock; null where it is none. */
export function restoreApp(recorded: unknown, offset: number): App | null {
  if (!isRecordedApp(recorded)) return null;
  const own = (instant: number): number => instant - offset;
  const orNever = (instant: number | null): number => (instant === null ? Infinity : own(instant));
  return {
    ...recorded,
    workers: recorded.workers.map((worker) => ({
      ...worker,
      deadline: orNever(worker.deadline),
      startedAt: own(worker.startedAt),
      readyAt: worker.readyAt === null ? null : own(worker.readyAt),
    })),
    histories: recorded.histories.map((history) => ({
      ...history,
      crashes: history.crashes.map(own),
      retryAt: orNever(history.retryAt),
    })),
  };
}

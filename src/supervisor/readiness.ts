/** When an app counts as ready for whoever waits for it: every slot serves, and servers listen. */

import type { AppRunner } from "./app-runner.ts";

/** A program that is ready without listening may be a server that boots slowly: it is waited for this long. */
const LISTEN_GRACE_MS = 10_000;

/** One waiter's view. It has the app's waiters look again when a grace ends; close it in the end. */
export class Readiness {
  readonly #runner: AppRunner;
  #timer: NodeJS.Timeout | undefined;

  constructor(runner: AppRunner) {
    this.#runner = runner;
  }

  /** Every slot has a ready worker, and each of them listens or has had its time to. */
  look(): boolean {
    if (!isEverySlotReady(this.#runner)) return false;
    const waitMs = isEverySlotListening(this.#runner) ? 0 : graceLeftMs(this.#runner);
    this.close();
    if (waitMs > 0) this.#timer = setTimeout(() => this.#runner.waiters.look(), waitMs);
    return waitMs <= 0;
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}

export function isEverySlotReady(runner: AppRunner): boolean {
  const { app } = runner;
  const ready = app.workers.filter((worker) => worker.phase === "ready" && worker.slot < app.size);
  const served = new Set(ready.map((worker) => worker.slot));
  const isDone = (slot: number): boolean => {
    const history = app.histories[slot];
    return history?.done === true && !history.failed;
  };
  return Array.from({ length: app.size }, (_, slot) => slot).every(
    (slot) => served.has(slot) || isDone(slot),
  );
}

function isEverySlotListening({ app, policy }: AppRunner): boolean {
  const done = app.histories.filter((history) => history.done).length;
  return policy.ready !== "listen" || app.listening.length + done >= app.size;
}

/** How long a worker that does not listen is still waited for, as at a start. Milliseconds from its own start. */
function graceLeftMs({ app }: AppRunner): number {
  const silent = app.workers.filter(
    ({ phase, slot }) => phase === "ready" && !app.listening.includes(slot),
  );
  const youngest = Math.max(...silent.map(({ startedAt }) => startedAt));
  return Math.ceil(youngest + LISTEN_GRACE_MS - performance.now());
}

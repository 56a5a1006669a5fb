/** When a crashed slot may try again: exponential backoff inside a rolling restart budget. Pure. */

export interface RestartPolicy {
  /** A worker that was ready this long before it died was healthy: the backoff starts anew. Milliseconds. */
  readonly minUptimeMs: number;
  /** First delay after an unhealthy death; doubles each time. Milliseconds. */
  readonly backoffBaseMs: number;
  /** Longest delay. Milliseconds. */
  readonly backoffCapMs: number;
  /** Restarts allowed within `restartWindowMs`; one more and the slot is failed. */
  readonly maxRestarts: number;
  /** The rolling window of the budget, and how long a failed slot rests. Milliseconds. */
  readonly restartWindowMs: number;
  /** On top of the backoff, before every restart. Milliseconds. */
  readonly restartDelayMs: number;
  /** False: a worker that ends by itself is never followed by another. */
  readonly autorestart: boolean;
  /** Exit codes that mean "done": no other worker follows. */
  readonly stopExitCodes: readonly number[];
}

/** What a slot remembers of its deaths. */
export interface RestartHistory {
  /** Instants of the crashes that still count against the budget, oldest first. */
  readonly crashes: readonly number[];
  /** Unhealthy deaths in a row. */
  readonly streak: number;
  /** Not before this instant may the slot start a worker again. */
  readonly retryAt: number;
  /** The budget is spent: one try per window (half-open) until a worker settles. */
  readonly failed: boolean;
  /** Its worker has ended and none follows: its work is done, or, with `failed`, will not be. */
  readonly done: boolean;
}

export const FRESH: RestartHistory = {
  crashes: [],
  streak: 0,
  retryAt: 0,
  failed: false,
  done: false,
};

/** The history after an end that no restart follows; null where one does. `code` is null after a signal. */
export function afterLast(
  history: RestartHistory,
  code: number | null,
  { autorestart, stopExitCodes }: RestartPolicy,
): RestartHistory | null {
  const isGood = code !== null && stopExitCodes.includes(code);
  if (autorestart && !isGood) return null;
  return {
    ...history,
    done: true,
    failed: !isGood && code !== 0,
    retryAt: Number.POSITIVE_INFINITY,
  };
}

/**
 * The history after a crash at `now`. `healthy`: the worker had been ready for `minUptimeMs`.
 * `random` in [0, 1) is the jitter, so that slots that died together do not return together
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function afterCrash(
  history: RestartHistory,
  crash: { readonly now: number; readonly healthy: boolean; readonly random: number },
  policy: RestartPolicy,
): RestartHistory {
  const { now, healthy, random } = crash;
  const streak = healthy ? 0 : history.streak + 1;
  const crashes = [...history.crashes.filter((at) => at > now - policy.restartWindowMs), now];
  if (history.failed || crashes.length > policy.maxRestarts) {
    return { crashes, streak, failed: true, done: false, retryAt: now + policy.restartWindowMs };
  }
  const retryAt = now + policy.restartDelayMs + backoff(streak, random, policy);
  return { crashes, streak, failed: false, done: false, retryAt };
}

/**
 * Delay before restart number `streak` of an unhealthy row, in milliseconds: nothing after a healthy
 * life, then `min(cap, base * 2^n)` of which the upper half is left to chance.
 */
export function backoff(streak: number, random: number, policy: RestartPolicy): number {
  if (streak === 0) return 0;
  const full = Math.min(policy.backoffCapMs, policy.backoffBaseMs * 2 ** (streak - 1));
  return Math.round(full * (0.5 + random / 2));
}

/** The history once a worker of the slot has settled: the row of failures is over, the budget still counts. */
export function afterSettling(history: RestartHistory): RestartHistory {
  return { ...history, streak: 0, failed: false, retryAt: 0 };
}

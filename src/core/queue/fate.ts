/** What becomes of a message whose handler failed. Pure. */

import { type RetryBackoff, retryDelayMs } from "./backoff.ts";

/** "lost": the worker died or did not come back. */
export type FailureReason = "failed" | "timeout" | "lost";

export interface FailedLease {
  /** 1: the first delivery. */
  readonly attempt: number;
  /** Deliveries the message has altogether. */
  readonly attempts: number;
  readonly reason: FailureReason;
  /** What the handler asked for, in milliseconds; null: nothing. */
  readonly retryAfterMs: number | null;
  readonly backoff: RetryBackoff;
  /** In [0, 1). */
  readonly random: number;
}

export type Fate = { readonly how: "dead" } | { readonly how: "retry"; readonly delayMs: number };

/**
 * Dead after its last attempt. Else it waits as long as the handler asked for, else as the backoff says; one
 * whose worker died under its first attempt goes to another at once: most often it was not to blame.
 */
export function fateOf(lease: FailedLease): Fate {
  const { attempt, attempts, reason, retryAfterMs, backoff, random } = lease;
  if (isLastAttempt(attempt, attempts)) return { how: "dead" };
  if (reason === "lost" && attempt === 1) return { how: "retry", delayMs: 0 };
  return { how: "retry", delayMs: retryAfterMs ?? retryDelayMs(attempt, random, backoff) };
}

export function isLastAttempt(attempt: number, attempts: number): boolean {
  return attempt >= attempts;
}

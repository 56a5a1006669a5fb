/** How long a message waits before it is handed out again. Pure. */

export interface RetryBackoff {
  /** The longest first wait, in milliseconds. */
  readonly baseMs: number;
  /** The longest wait grows by it with each attempt; at least 1. */
  readonly factor: number;
  /** The longest wait of all, in milliseconds. */
  readonly capMs: number;
}

export const RETRY_BACKOFF: RetryBackoff = { baseMs: 1000, factor: 2, capMs: 5 * 60_000 };

/**
 * The wait after attempt number `attempt` (1: the first) has failed, in milliseconds: anything up to
 * `min(cap, base * factor^(attempt - 1))`, so that messages that failed together do not return together
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). `random` in [0, 1).
 */
export function retryDelayMs(attempt: number, random: number, backoff: RetryBackoff): number {
  const { baseMs, factor, capMs } = backoff;
  return Math.round(random * Math.min(capMs, baseMs * factor ** (attempt - 1)));
}

/** What a message of a durable queue may be like. Pure. */

const DAY_MS = 24 * 60 * 60 * 1000;

export const QUEUE_BOUNDS = {
  /** Characters of `key` and `dedupe`. */
  textLength: 255,
  /** Longest `delay`, `ttl` and wait before a retry. */
  waitMs: 365 * DAY_MS,
  dedupeMs: 7 * DAY_MS,
  attempts: 1000,
  priority: 9,
} as const;

export const QUEUE_DEFAULTS = {
  priority: 4,
  attempts: 5,
  dedupeMs: 5 * 60_000,
} as const;

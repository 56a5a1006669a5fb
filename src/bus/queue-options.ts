/** The options of calls about durable queues. */

import {
  accept,
  choice,
  duration,
  fault,
  type Kind,
  pattern,
  refuse,
  whole,
} from "../config/kinds.ts";
import { received } from "../config/received.ts";
import { RETRY_BACKOFF, type RetryBackoff } from "../core/queue/backoff.ts";
import { QUEUE_BOUNDS } from "../core/queue/bounds.ts";
import {
  LARGEST_FACTOR,
  LONGEST_HANDLER_MS,
  MOST_CONCURRENCY,
  MOST_PEEKED,
  QUEUE_STATES,
} from "../core/queue/desk-bounds.ts";
import { PUBLISH } from "./options.ts";

const { waitMs, dedupeMs, attempts, priority, textLength } = QUEUE_BOUNDS;

const text = pattern("text", /^[^\0]{1,255}$/, `text of 1 to ${textLength} characters`);
const id = pattern("id", /^\d{1,19}$/, "the id of a message, which is digits");
const state = choice(...QUEUE_STATES);
const wait = duration(1, waitMs);

const BACKOFF_EXPECTED = "an object of base, factor and max";

const factor: Kind<number> = {
  type: "number",
  expected: `a number from 1 to ${LARGEST_FACTOR}`,
  read: (value) =>
    typeof value === "number" && value >= 1 && value <= LARGEST_FACTOR
      ? accept(value)
      : refuse(value, factor.expected),
  show: String,
  schema: {},
};
const PARTS: Readonly<Record<string, { readonly kind: Kind<number>; readonly as: string }>> = {
  base: { kind: wait, as: "baseMs" },
  factor: { kind: factor, as: "factor" },
  max: { kind: wait, as: "capMs" },
};

const backoff: Kind<RetryBackoff> = {
  type: "backoff",
  expected: BACKOFF_EXPECTED,
  read(value) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return refuse(value, BACKOFF_EXPECTED);
    }
    const read: Record<string, number> = {};
    for (const [name, given] of Object.entries(value)) {
      const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
      if (!part) return fault(`received ${received(name)} in it, expected ${BACKOFF_EXPECTED}`);
      if (given === undefined) continue;
      const reading = part.kind.read(given);
      if (!reading.ok) return fault(`${name}: ${reading.faults[0]?.message}`);
      read[part.as] = reading.value;
    }
    return accept({ ...RETRY_BACKOFF, ...read });
  },
  show: String,
  schema: {},
};

export const ENQUEUE = {
  ...{ key: PUBLISH.key, headers: PUBLISH.headers, encoding: PUBLISH.encoding },
  ...{ delay: duration(0, waitMs), ttl: wait, priority: whole(0, priority) },
  ...{ dedupe: text, dedupeWindow: duration(1, dedupeMs), attempts: whole(1, attempts) },
};
export const CONSUME = {
  concurrency: whole(1, MOST_CONCURRENCY),
  timeout: duration(1, LONGEST_HANDLER_MS),
  backoff,
};
export const PEEK = { state, limit: whole(1, MOST_PEEKED) };
export const RETRY = { id };
export const PURGE = { state, id };

/** Of an error a handler has thrown: when it wants the message again, in milliseconds; null: it does not say. */
export function retryAfterOf(error: unknown): number | null {
  const wanted = (error as { retryAfter?: unknown } | null | undefined)?.retryAfter;
  if (wanted === undefined) return null;
  const reading = duration(0, waitMs).read(wanted);
  return reading.ok ? reading.value : null;
}

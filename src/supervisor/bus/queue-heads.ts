/** What clients say in the heads of frames about durable queues. What is odd is left out, what is too much is cut. */

import { RETRY_BACKOFF, type RetryBackoff } from "../../core/queue/backoff.ts";
import { QUEUE_BOUNDS, QUEUE_DEFAULTS } from "../../core/queue/bounds.ts";
import {
  DEFAULT_HANDLER_MS,
  DEFAULT_PEEKED,
  LARGEST_FACTOR,
  LONGEST_ERROR,
  LONGEST_HANDLER_MS,
  MOST_CONCURRENCY,
  MOST_PEEKED,
  QUEUE_STATES,
} from "../../core/queue/desk-bounds.ts";
import type { BusFrame, Head } from "../../link/bus-frames.ts";
import type { NewMessage, QueueState, Settlement } from "../queue/terms.ts";
import { headersOf, keyOf, textOf, thrownOf } from "./heads.ts";

/** Of an error that is cut: its message, and its stack. */
const LONGEST_PART = LONGEST_ERROR / 4;
const LONGEST_NAME = 255;

export interface ConsumeHead {
  /** 0: it consumes no more. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly backoff: RetryBackoff;
  /** Random text of the client's: with it it claims what it had before its connection was lost. */
  readonly session: string | null;
  readonly holding: readonly Claim[];
}

/** A lease, as it is named; of another store than ours it has that one's name before its id. */
export interface Claim {
  readonly id: string;
  readonly attempt: number;
}

export interface ManageHead {
  readonly what: "list" | "peek" | "retry" | "purge" | null;
  readonly state: QueueState | null;
  readonly id: string | null;
  readonly limit: number;
  /** Messages that were told already. */
  readonly skip: number;
  /** The last queue that was told already. */
  readonly after: string;
}

/** The body is a view of what was received. Null: the head does not say which call it is. */
export function readEnqueue(frame: BusFrame, from: string): NewMessage | null {
  const { subject: queue, head, format, body } = frame;
  const once = textOf(head?.once);
  if (once === undefined) return null;
  return {
    ...{ queue, body, format, once, from },
    ...{ key: keyOf(head) ?? null, headers: headersOf(head) ?? null },
    delayMs: msOf(head?.delayMs, 0, QUEUE_BOUNDS.waitMs) ?? 0,
    ttlMs: msOf(head?.ttlMs, 1, QUEUE_BOUNDS.waitMs) ?? null,
    priority: wholeOf(head?.priority, 0, QUEUE_BOUNDS.priority) ?? QUEUE_DEFAULTS.priority,
    attempts: wholeOf(head?.attempts, 1, QUEUE_BOUNDS.attempts) ?? QUEUE_DEFAULTS.attempts,
    dedupe: textOf(head?.dedupe) ?? null,
    dedupeMs: msOf(head?.dedupeMs, 1, QUEUE_BOUNDS.dedupeMs) ?? QUEUE_DEFAULTS.dedupeMs,
  };
}

/** `store`: the name of ours. */
export function readConsume(head: Head | null, store: string): ConsumeHead {
  const concurrency = wholeOf(head?.concurrency, 0, MOST_CONCURRENCY) ?? 1;
  const holding = Array.isArray(head?.holding) ? head.holding : [];
  return {
    concurrency,
    timeoutMs: msOf(head?.timeoutMs, 1, LONGEST_HANDLER_MS) ?? DEFAULT_HANDLER_MS,
    backoff: backoffOf(head?.backoff),
    session: textOf(head?.session) ?? null,
    holding: holding.slice(0, MOST_CONCURRENCY).flatMap((pair) => {
      const [id, attempt, from] = Array.isArray(pair) ? pair : [];
      const claim = claimOf({ id, attempt, from }, store);
      return claim ? [claim] : [];
    }),
  };
}

/** Null: it says not which lease, or not how it ends. `retryMs`: an attempt's delay unless the client has named one. */
export function readSettle(
  head: Head | null,
  store: string,
  retryMs: (attempt: number) => number,
): Settlement | null {
  const claim = claimOf({ id: head?.message, attempt: head?.attempt, from: head?.store }, store);
  if (!claim) return null;
  const error = head?.error === undefined ? null : toldOf(head.error);
  switch (head?.how) {
    case "done":
      return { ...claim, how: "done" };
    case "retry": {
      const delayMs = msOf(head.delayMs, 0, QUEUE_BOUNDS.waitMs) ?? retryMs(claim.attempt);
      return { ...claim, how: "retry", delayMs, error, reason: "failed" };
    }
    case "dead":
      return { ...claim, how: "dead", error, reason: "failed" };
    default:
      return null;
  }
}

export function readManage(head: Head | null): ManageHead {
  const verbs = ["list", "peek", "retry", "purge"] as const;
  const id = textOf(head?.id);
  return {
    what: verbs.find((verb) => verb === head?.what) ?? null,
    state: QUEUE_STATES.find((state) => state === head?.state) ?? null,
    // One that cannot be an id names no message: it must not mean all of them.
    id: head?.id === undefined || head.id === null ? null : (id ?? "0"),
    limit: wholeOf(head?.limit, 1, MOST_PEEKED) ?? DEFAULT_PEEKED,
    skip: wholeOf(head?.skip, 0, MOST_PEEKED) ?? 0,
    after: textOf(head?.after) ?? "",
  };
}

function claimOf({ id, attempt, from }: Record<string, unknown>, store: string): Claim | null {
  if (typeof id !== "string" || !/^\d{1,19}$/.test(id)) return null;
  if (!Number.isSafeInteger(attempt) || Number(attempt) < 1) return null;
  const isOurs = from === undefined || from === store;
  return { id: isOurs ? id : `${textOf(from)} ${id}`, attempt: Number(attempt) };
}

function backoffOf(value: unknown): RetryBackoff {
  const { baseMs, factor, capMs } = (value ?? {}) as Record<string, unknown>;
  return {
    baseMs: msOf(baseMs, 1, QUEUE_BOUNDS.waitMs) ?? RETRY_BACKOFF.baseMs,
    factor: numberOf(factor, 1, LARGEST_FACTOR) ?? RETRY_BACKOFF.factor,
    capMs: msOf(capMs, 0, QUEUE_BOUNDS.waitMs) ?? RETRY_BACKOFF.capMs,
  };
}

/** It is kept with the message, and is no part of what the queues may hold: so it is cut. */
function toldOf(error: unknown) {
  const { name, message, ...rest } = thrownOf(error);
  const whole = {
    ...rest,
    name: typeof name === "string" ? name : "Error",
    message: typeof message === "string" ? message : "no reason was given",
  };
  if (JSON.stringify(whole).length <= LONGEST_ERROR) return whole;
  const { stack, code } = rest;
  return {
    ...{ name: whole.name.slice(0, LONGEST_NAME), message: whole.message.slice(0, LONGEST_PART) },
    ...(typeof stack === "string" ? { stack: stack.slice(0, LONGEST_PART) } : {}),
    ...(code === undefined ? {} : { code: String(code).slice(0, LONGEST_NAME) }),
  };
}

/** Cut to its bounds; undefined: it is no number. */
function numberOf(value: unknown, least: number, most: number): number | undefined {
  if (typeof value !== "number" || Number.isNaN(value)) return undefined;
  return Math.min(most, Math.max(least, value));
}

/** The same in whole milliseconds. */
function msOf(value: unknown, least: number, most: number): number | undefined {
  const ms = numberOf(value, least, most);
  return ms === undefined ? undefined : Math.round(ms);
}

/** The same, of whole numbers only. */
function wholeOf(value: unknown, least: number, most: number): number | undefined {
  return Number.isInteger(value) ? numberOf(value, least, most) : undefined;
}

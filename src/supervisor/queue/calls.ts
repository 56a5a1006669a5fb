/** What the store says to its thread, and what the thread answers. Lists, not objects: half the time to pass them on. */

import type { ErrorCode } from "../../errors.ts";
import type { Counter, DepthRow } from "./tally.ts";

export type AddCall = readonly [
  call: number,
  verb: "add",
  queue: string,
  once: string,
  key: string | null,
  headers: string | null,
  delayMs: number,
  ttlMs: number | null,
  priority: number,
  attempts: number,
  dedupe: string | null,
  dedupeMs: number,
  from: string,
  format: number,
  bodyBytes: number,
];

export type SettleCall = readonly [
  call: number,
  verb: "settle",
  id: string,
  attempt: number,
  how: "done" | "retry" | "dead" | "release",
  delayMs: number,
  reason: string | null,
  error: string | null,
];

export type TakeCall = readonly [
  call: number,
  verb: "take",
  queue: string,
  limit: number,
  holder: string,
];
export type PeekCall = readonly [
  call: number,
  verb: "peek",
  queue: string,
  state: string,
  limit: number,
  skip: number,
];
export type RetryCall = readonly [call: number, verb: "retry", queue: string, id: string | null];
export type PurgeCall = readonly [
  call: number,
  verb: "purge",
  queue: string,
  state: string | null,
  id: string | null,
];
export type ListCall = readonly [call: number, verb: "list", after: string, limit: number];
export type HeldCall = readonly [call: number, verb: "held"];

export type Call =
  | (AddCall | SettleCall | TakeCall | HeldCall)
  | (PeekCall | ListCall | RetryCall | PurgeCall);

/** What a thread is started with. */
export interface ThreadOrder {
  readonly folder: string;
  readonly fsync: "commit" | "os";
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly clockAheadMs: number;
}

/** To the thread: the calls of a turn and all their bodies, one after the other. */
export type Said = { readonly calls: readonly Call[]; readonly bodies: Uint8Array } | "close";

/** id, attempt, key, headers, format, enqueuedAt, attempts, bytes of the body. */
export type LeaseRow = readonly [
  id: string,
  attempt: number,
  key: string | null,
  headers: string | null,
  format: number,
  enqueuedAt: number,
  attempts: number,
  bodyBytes: number,
];

export type Refusal = readonly [ErrorCode, Readonly<Record<string, unknown>>];

/** What a call came to. `isPart`: it is not at its end yet, and `value` is how many it has done so far. */
export type Outcome =
  | {
      readonly value: unknown;
      readonly bodies?: readonly Uint8Array[];
      readonly isPart?: boolean;
    }
  | { readonly refusal: Refusal };

export type Answer =
  | readonly [call: number, isDone: true, value: unknown]
  | readonly [call: number, isDone: false, ...refusal: Refusal];

/** Where things stand after a commit. */
export interface News {
  /** Queues where something has become ready. */
  readonly due: readonly string[];
  /** Of queues that have changed. */
  readonly depths: readonly DepthRow[];
  readonly counts: Readonly<Record<Counter, number>>;
  readonly commits: number;
}

/** From the thread. Once "refused", "failed" or "closed" was told, nothing follows. */
export type Told =
  | ({ readonly kind: "open"; readonly name: string } & News)
  | ({
      readonly kind: "answers";
      readonly answers: readonly Answer[];
      readonly bodies: Uint8Array;
    } & News)
  | { readonly kind: "refused" | "failed"; readonly refusal: Refusal }
  | { readonly kind: "closed" };

/** The words between the desk of durable queues and their store. */

import type { ToldError } from "../../bus/remote-error.ts";
import type { FailureReason } from "../../core/queue/fate.ts";
import type { HoldfastError } from "../../errors.ts";

export interface StoreOptions {
  /** "commit": what is accepted survives power loss. "os": it survives the end of every process, not of the machine. */
  readonly fsync: "commit" | "os";
  /** Of all queues together, dead letters among them. */
  readonly maxMessages: number;
  /** Of all bodies, keys and headers together. */
  readonly maxBytes: number;
  /** Added to the clock, for tests of what lasts long. Default 0. */
  readonly clockAheadMs?: number;
  /** The program of the thread. Default: dist/queue-thread.cjs of this package. */
  readonly program?: string;
}

export interface NewMessage {
  readonly queue: string;
  readonly body: Buffer;
  readonly format: number;
  /** Names this call: said again within 10 min, the message is not stored again. */
  readonly once: string;
  /** Messages of one key are worked on one at a time, in the order they came. */
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>> | null;
  readonly delayMs: number;
  /** Not handed out after; it is removed then. */
  readonly ttlMs: number | null;
  /** 0 to 9, higher first. */
  readonly priority: number;
  /** Deliveries until it becomes a dead letter. */
  readonly attempts: number;
  /** A second message of its queue with this text within `dedupeMs` of the first is not stored. */
  readonly dedupe: string | null;
  readonly dedupeMs: number;
  /** Who sent it, for people. */
  readonly from: string;
}

export interface Added {
  readonly id: string;
  /** True: not stored, the same `once` or `dedupe` was there; `id` is the first one's. */
  readonly duplicate: boolean;
}

/** One message handed out, until it is settled by id and attempt. */
export interface Leased {
  /** Decimal. */
  readonly id: string;
  readonly queue: string;
  /** 1: the first delivery. */
  readonly attempt: number;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>> | null;
  readonly body: Buffer;
  readonly format: number;
  /** Milliseconds since 1970. */
  readonly enqueuedAt: number;
  readonly attempts: number;
}

export type { QueuedMessage, QueueState, QueueSummary } from "../../bus/queue-api.ts";
export type { FailureReason } from "../../core/queue/fate.ts";

/** How a lease ends. A retry of the last attempt makes a dead letter. */
export type Settlement = { readonly id: string; readonly attempt: number } & (
  | { readonly how: "done" }
  | {
      readonly how: "retry";
      readonly delayMs: number;
      readonly error: ToldError | null;
      readonly reason: FailureReason;
    }
  | { readonly how: "dead"; readonly error: ToldError | null; readonly reason: FailureReason }
  /** As if never handed out: not an attempt. */
  | { readonly how: "release" }
);

export interface HeldLease {
  readonly id: string;
  readonly attempt: number;
  readonly queue: string;
  readonly holder: string;
}

export interface QueueDepth {
  readonly ready: number;
  readonly delayed: number;
  readonly leased: number;
  readonly dead: number;
  readonly bytes: number;
}

/** Since the store was opened; depths as of the last commit. */
export interface StoreReading {
  readonly depth: QueueDepth;
  /** Queues that hold anything. */
  readonly queues: ReadonlyMap<string, QueueDepth>;
  readonly enqueued: number;
  readonly done: number;
  readonly retried: number;
  /** Became dead letters. */
  readonly dead: number;
  readonly expired: number;
  readonly duplicates: number;
  readonly commits: number;
}

export interface StoreEvents {
  /** Something may be ready that was not when last asked. */
  due(queue: string): void;
  /** It is closed: nothing can be stored any more. */
  failed(error: HoldfastError): void;
}

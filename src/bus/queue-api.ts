/** What programs see of durable queues. */

import type { Duration } from "../config/app.ts";
import type { BusEncoding } from "./api.ts";

export interface EnqueueOptions {
  /** Messages of one key are worked on one at a time, in their order; one that is retried holds up those after it. */
  readonly key?: string;
  /** Not handed out before; up to 365 days. */
  readonly delay?: Duration;
  /** Not handed out after: then it is removed. No end unless given. */
  readonly ttl?: Duration;
  /** 0 to 9, 4 unless given; higher ones are handed out first. */
  readonly priority?: number;
  /** A second message with this text within `dedupeWindow` is not stored. */
  readonly dedupe?: string;
  /** 5 min unless given, up to 7 days. */
  readonly dedupeWindow?: Duration;
  /** Deliveries until it becomes a dead letter, 1 to 1,000; 5 unless given. */
  readonly attempts?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly encoding?: BusEncoding;
}

export interface Enqueued {
  readonly id: string;
  /** True: it was not stored, as one with the same `dedupe` is there; `id` is that one's. */
  readonly duplicate: boolean;
}

export interface ConsumeOptions {
  /** Messages worked on at the same time, 1 to 10,000; 1 unless given. */
  readonly concurrency?: number;
  /** What a handler may take, 1 min unless given, up to 24 h. Then its signal fires, and 5 s later another one gets the message. */
  readonly timeout?: Duration;
  /** How long a message waits after a failure: anything up to `base * factor^(attempt - 1)`, at most `max`. */
  readonly backoff?: {
    /** 1 s unless given. */
    readonly base?: Duration;
    /** 1 to 100; 2 unless given. */
    readonly factor?: number;
    /** 5 min unless given. */
    readonly max?: Duration;
  };
}

/** A message of a durable queue, at work. */
export interface QueueWork {
  readonly id: string;
  readonly queue: string;
  /** 1: the first delivery. */
  readonly attempt: number;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** In milliseconds since 1970. */
  readonly enqueuedAt: number;
  /** Fires when the handler has taken its time, or the message is given to another one: what it does then may be done twice. */
  readonly signal: AbortSignal;
  /** When its time is over, in milliseconds since 1970. */
  readonly deadline: number;
}

/**
 * Returns: the message is done. Throws: it is delivered again after its backoff, or after the error's `retryAfter` (a
 * duration), or with `dead: true` becomes a dead letter at once.
 */
export type QueueHandler<Data = unknown> = (data: Data, work: QueueWork) => unknown;

export interface QueueConsumer {
  readonly queue: string;
  /** Resolves when nothing more will come. What has come already is still worked on. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `ready` are also those that wait for an earlier one of their key. */
export type QueueState = "ready" | "delayed" | "leased" | "dead";

export interface QueueSummary {
  readonly queue: string;
  readonly ready: number;
  readonly delayed: number;
  readonly leased: number;
  readonly dead: number;
  readonly bytes: number;
  /** When the oldest that is no dead letter came, in milliseconds since 1970; null: there is none. */
  readonly oldestAt: number | null;
}

/** A message as it lies in its queue. Times are milliseconds since 1970. */
export interface QueuedMessage {
  readonly id: string;
  readonly state: QueueState;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>> | null;
  readonly priority: number;
  /** Deliveries so far. */
  readonly attempt: number;
  readonly attempts: number;
  readonly enqueuedAt: number;
  /** Not handed out before. */
  readonly dueAt: number;
  readonly expiresAt: number | null;
  /** Who has it, while it is leased. */
  readonly holder: string | null;
  /** Who sent it. */
  readonly from: string;
  /** How its data is encoded: 0 no data, 1 JSON, 2 bytes, 3 structured clone, others a typed array. */
  readonly format: number;
  /** Of its data the first 4 KiB. */
  readonly body: Buffer;
  readonly bodyBytes: number;
  /** Of its last failure: the handler threw, took too long, or its process was lost. */
  readonly reason: "failed" | "timeout" | "lost" | null;
  readonly error: {
    readonly name: string;
    readonly message: string;
    readonly stack?: string;
  } | null;
  readonly failedAt: number | null;
}

export interface PeekOptions {
  /** `ready` unless given. */
  readonly state?: QueueState;
  /** 1 to 100; 10 unless given. */
  readonly limit?: number;
}

/** What is in the durable queues. */
export interface BusQueues {
  /** All that hold anything. */
  list(): Promise<readonly QueueSummary[]>;
  peek(queue: string, options?: PeekOptions): Promise<readonly QueuedMessage[]>;
  /** Dead letters go back into their queue, all or one, with all their attempts before them. Resolves with how many. */
  retry(queue: string, options?: { readonly id?: string }): Promise<number>;
  /** Removes what is in the queue, of one state or all, or one message. Resolves with how many. */
  purge(
    queue: string,
    options?: { readonly state?: QueueState; readonly id?: string },
  ): Promise<number>;
}

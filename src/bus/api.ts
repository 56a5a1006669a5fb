/** What programs see of the bus. */

import type { Duration, Size } from "../config/app.ts";
import type { LeaderOptions, Leadership, LeadFunction, Lock, LockOptions } from "./locks-api.ts";
import type {
  BusQueues,
  ConsumeOptions,
  Enqueued,
  EnqueueOptions,
  QueueConsumer,
  QueueHandler,
} from "./queue-api.ts";

/** A process on the bus. Outside clients have no app, slot and worker. */
export interface Sender {
  readonly member: number;
  readonly app: string | null;
  readonly slot: number | null;
  readonly worker: number | null;
  readonly name: string | null;
}

export interface BusMessage {
  readonly subject: string;
  readonly from: Sender;
  readonly headers: Readonly<Record<string, string>>;
}

export interface BusRequest extends BusMessage {
  /** Fires when the answer is no longer wanted: cancelled, too late, or nobody to take it is left. */
  readonly signal: AbortSignal;
  /** When the one who asks gives up, in milliseconds since 1970. */
  readonly deadline: number;
  /** 1, or 2 where an idempotent request was lost with the first who worked on it. */
  readonly attempt: number;
}

/** `json`, the default, is what JSON can say; `clone` is Node's structured clone. Bytes stay what they are in both. */
export type BusEncoding = "json" | "clone";

export interface PublishOptions {
  /** Of those with the same key in a queue group by "key", all go to the same member. */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where nobody has subscribed, the message waits so long for the first who does. */
  readonly hold?: Duration;
  /** The subject's last value is kept for those who come later. */
  readonly retain?: boolean;
  readonly encoding?: BusEncoding;
  /**
   * Wait for the supervisor's word, and reject where a subscription refuses the message. By itself with
   * `hold` and `retain`.
   */
  readonly confirm?: boolean;
}

export interface SubscribeOptions {
  /** Each message goes to one ready member of the group of this name. */
  readonly queue?: string;
  /** How the group chooses: one after the other (default), who has least to do, or by the message's key. */
  readonly by?: "turns" | "idle" | "key";
  /** What happens to what this process cannot take: the oldest is dropped (default), the publisher is told or waits. */
  readonly policy?: "drop-oldest" | "reject" | "wait";
  /** So much waits in the supervisor at most; 1 MiB unless given. */
  readonly maxBytes?: Size;
  /** Handlers at work at the same time; unlimited unless given. With 1, messages are handled in their order. */
  readonly concurrency?: number;
}

export interface ReplyOptions {
  /** Requests worked on at the same time, 64 unless given. */
  readonly concurrency?: number;
  /** How the one who answers is chosen: one after the other (default), who has least to do, or by the request's key. */
  readonly by?: "turns" | "idle" | "key";
  readonly encoding?: BusEncoding;
}

export interface RequestOptions {
  /** 5 s unless given. */
  readonly timeout?: Duration;
  /** Ends the request: the promise rejects with the signal's reason, and the handler's signal fires. */
  readonly signal?: AbortSignal;
  /** It may be done twice: when the worker that has it dies, another one gets it, once. */
  readonly idempotent?: boolean;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where nobody answers, wait until the timeout for somebody who does. */
  readonly hold?: boolean;
  readonly encoding?: BusEncoding;
}

export interface GatherOptions {
  readonly timeout?: Duration;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  readonly encoding?: BusEncoding;
}

export interface Gathered<Answer = unknown> {
  readonly results: readonly { readonly from: Sender; readonly data: Answer }[];
  readonly errors: readonly { readonly from: Sender; readonly error: Error }[];
  /** Who was asked and has not answered in time. */
  readonly missing: readonly Sender[];
}

export interface BusSubscription {
  readonly subject: string;
  /** Resolves when nothing more will come. What has come already to a queue group's member is still handled. */
  unsubscribe(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CloseOptions {
  /** How long handlers at work and requests under way get to end; 5 s unless given. */
  readonly timeout?: Duration;
}

export interface BusEvents {
  /**
   * A handler failed that nobody waits for, or a subscription was refused when it was made again. Without a listener
   * it becomes a warning of the process.
   */
  error: (error: unknown, message: BusMessage) => void;
  /** The connection is there, for the first time or again. */
  up: () => void;
  /** The connection is lost, and is tried again, unless the reason says that it is for good. */
  down: (reason: string) => void;
}

export type MessageHandler<Data = unknown> = (data: Data, message: BusMessage) => unknown;
export type RequestHandler<Data = unknown> = (data: Data, request: BusRequest) => unknown;

/** Last values. `holdfast` keeps them as long as the supervisor lives. */
export interface BusState {
  set(
    subject: string,
    value: unknown,
    options?: Pick<PublishOptions, "headers" | "encoding">,
  ): Promise<void>;
  /** The last value, or undefined. */
  get<Value = unknown>(subject: string): Promise<Value | undefined>;
  /**
   * The handler gets the present values first, then each new one; once more the present ones after a lost
   * connection. Resolves when it was given the present ones.
   */
  watch<Value = unknown>(pattern: string, handler: MessageHandler<Value>): Promise<BusSubscription>;
}

/**
 * The bus between all workers of a supervisor's apps, and other processes of this machine. What is wrong with a
 * call's subject, data or options rejects with HF_BUS_SUBJECT_INVALID, HF_BUS_DATA_INVALID, HF_BUS_TOO_LARGE or
 * HF_BUS_OPTION_INVALID, and nothing was sent. Everything may reject with HF_BUS_UNREACHABLE, HF_BUS_REFUSED and
 * HF_BUS_CLOSED.
 */
export interface Bus {
  /** Resolves when the supervisor has room for it. Also HF_BUS_OVERLOADED, and with `confirm` HF_BUS_CONNECTION_LOST. */
  publish(subject: string, data?: unknown, options?: PublishOptions): Promise<void>;
  /** Resolves when every message published from now on will come. */
  subscribe<Data = unknown>(
    pattern: string,
    handler: MessageHandler<Data>,
    options?: SubscribeOptions,
  ): Promise<BusSubscription>;
  /**
   * The answer of one who is ready. Rejects with HF_BUS_NO_RESPONDERS, HF_BUS_WORKER_LOST, HF_BUS_TIMEOUT,
   * HF_BUS_OVERLOADED, HF_BUS_CONNECTION_LOST, or with the BusRemoteError of a handler that threw.
   */
  request<Answer = unknown>(
    subject: string,
    data?: unknown,
    options?: RequestOptions,
  ): Promise<Answer>;
  /** Answers requests with what the handler returns, or throws. */
  reply<Data = unknown>(
    pattern: string,
    handler: RequestHandler<Data>,
    options?: ReplyOptions,
  ): Promise<BusSubscription>;
  /** Asks all who answer, and waits for each until the timeout. */
  gather<Answer = unknown>(
    subject: string,
    data?: unknown,
    options?: GatherOptions,
  ): Promise<Gathered<Answer>>;
  readonly state: BusState;
  /**
   * Resolves when the message is in the durable queue of that name: it is worked on at least once, whatever dies.
   * Rejects with HF_BUS_QUEUE_FULL and others of HF_BUS_QUEUE_*; after HF_BUS_UNREACHABLE and HF_BUS_CLOSED it may be
   * there or not.
   */
  enqueue(queue: string, data?: unknown, options?: EnqueueOptions): Promise<Enqueued>;
  /**
   * Resolves when messages of the queue come to the handler. A message is done when the handler returns; one it throws
   * for comes again, as does one whose process died, until its attempts are used up and it is a dead letter.
   */
  consume<Data = unknown>(
    queue: string,
    handler: QueueHandler<Data>,
    options?: ConsumeOptions,
  ): Promise<QueueConsumer>;
  /** What is in the durable queues. */
  readonly queues: BusQueues;
  /**
   * Resolves when this process holds the name, as the only one of all: first come, first served. It is not
   * re-entrant. Rejects with HF_BUS_LOCKED after the timeout, HF_BUS_OVERLOADED, or the signal's reason.
   */
  lock(name: string, options?: LockOptions): Promise<Lock>;
  /**
   * Resolves when the supervisor knows that this process wants to lead. The function is called when it is ready and
   * the first of all who want to; it leads until what the function returns has settled. A function that ends by
   * itself ends it for good; one that throws is told by `on("error")` and called again later, as is one whose
   * connection was lost. Rejects with HF_BUS_OVERLOADED.
   */
  leader(name: string, lead: LeadFunction, options?: LeaderOptions): Promise<Leadership>;
  /** Resolves when the supervisor has passed on all that was published here before. */
  flush(): Promise<void>;
  /** Gives back what removes the listener. */
  on<Name extends keyof BusEvents>(event: Name, listener: BusEvents[Name]): () => void;
  /**
   * Takes no new subscriptions and waits for no more locks, lets handlers and requests end, sends what waits, and
   * disconnects. For good; publishing and asking end with it.
   */
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

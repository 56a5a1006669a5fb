/** The bus as a program uses it: calls become frames, and frames results and calls of handlers. */

import { BUS, type BusFrame } from "../link/bus-frames.ts";
import type {
  Bus,
  BusEvents,
  BusState,
  BusSubscription,
  CloseOptions,
  Gathered,
  GatherOptions,
  MessageHandler,
  PublishOptions,
  ReplyOptions,
  RequestHandler,
  RequestOptions,
  SubscribeOptions,
} from "./api.ts";
import { decodeBody } from "./body.ts";
import type { BusTarget } from "./connection.ts";
import { errorOf } from "./failure.ts";
import { gathering } from "./gathering.ts";
import { listenLane, replyLane } from "./handlers.ts";
import { Leaders } from "./leader.ts";
import { Locks } from "./locks.ts";
import type { LeaderOptions, Leadership, LeadFunction, Lock, LockOptions } from "./locks-api.ts";
import {
  CLOSE,
  checkHandler,
  checkPattern,
  checkSubject,
  GATHER,
  invalid,
  PUBLISH,
  REPLY,
  REQUEST,
  readOptions,
  SUBSCRIBE,
} from "./options.ts";
import { QueuePart } from "./queue-part.ts";
import { queueCalls } from "./queues.ts";
import { Session } from "./session.ts";
import { createState } from "./state.ts";
import type { Wanted } from "./subscriptions.ts";
import { type Asking, PLAINLY, REQUEST_TIMEOUT_MS } from "./terms.ts";

const CLOSE_TIMEOUT_MS = 5000;
const REPLIES_AT_ONCE = 64;

export class BusClient implements Bus {
  readonly state: BusState;
  readonly queues: Bus["queues"];
  readonly enqueue: Bus["enqueue"];
  readonly consume: Bus["consume"];
  readonly #session: Session;
  readonly #locks: Locks;
  readonly #leaders: Leaders;

  /** `target`: asked when the bus is first used; throws a HoldfastError where there is none. */
  constructor(target: () => BusTarget) {
    this.#session = new Session(target);
    this.#locks = this.#session.add((port) => new Locks(port));
    this.#leaders = this.#session.add((port) => new Leaders(port, this.#locks));
    const part = this.#session.add((port) => new QueuePart(port));
    const { queues, enqueue, consume } = queueCalls(part, () => this.#session.longestBody);
    this.queues = queues;
    this.enqueue = enqueue;
    this.consume = consume;
    this.state = createState({
      publish: (subject, value, options) => this.publish(subject, value, options),
      fetch: (pattern, value) => this.#session.fetch(pattern, value),
      subscribe: (pattern, handler, made) => this.#listen(pattern, handler, {}, made),
      failed: (error, message) => this.#session.events.failed(error, message),
    });
  }

  async publish(subject: string, data?: unknown, options?: PublishOptions): Promise<void> {
    checkSubject(subject, "write");
    if (options === undefined) return this.#session.publish(subject, data, PLAINLY);
    const read = readOptions("bus.publish()", PUBLISH, options);
    const { encoding, confirm = false, ...head } = read;
    const isConfirmed = confirm || read.hold !== undefined || read.retain === true;
    return this.#session.publish(subject, data, { head, encoding, isConfirmed });
  }

  async subscribe<Data>(
    pattern: string,
    handler: MessageHandler<Data>,
    options?: SubscribeOptions,
  ): Promise<BusSubscription> {
    checkPattern(pattern);
    checkHandler("bus.subscribe()", handler);
    return this.#listen(
      pattern,
      handler as MessageHandler<never>,
      readOptions("bus.subscribe()", SUBSCRIBE, options),
    );
  }

  async reply<Data>(
    pattern: string,
    handler: RequestHandler<Data>,
    options?: ReplyOptions,
  ): Promise<BusSubscription> {
    checkPattern(pattern);
    checkHandler("bus.reply()", handler);
    const read = readOptions("bus.reply()", REPLY, options);
    const { encoding = "json", concurrency = REPLIES_AT_ONCE, by = "turns" } = read;
    const session = this.#session;
    const lane = replyLane({
      ...{ handler: handler as RequestHandler<never>, encoding, concurrency },
      longestBody: () => session.longestBody,
      ended: (work) => session.subscriptions.ended(work),
    });
    const head = { kind: "reply", queue: null, by };
    return this.#subscribe({ kind: "reply", pattern, head, isPlain: false, lane });
  }

  async request<Answer>(
    subject: string,
    data?: unknown,
    options?: RequestOptions,
  ): Promise<Answer> {
    checkSubject(subject, "write");
    const read = readOptions("bus.request()", REQUEST, options);
    const { timeout = REQUEST_TIMEOUT_MS, encoding, signal, ...head } = read;
    const asking = { head, encoding, timeoutMs: timeout, signal, isForAll: false };
    return this.#ask<Answer>(subject, data, asking, (resolve, reject) => (frame) => {
      if (frame.kind === BUS.failure) reject(errorOf(frame, subject, timeout));
      else settle(() => decodeBody(frame.format, frame.body, subject) as Answer, resolve, reject);
      return true;
    });
  }

  async gather<Answer>(
    subject: string,
    data?: unknown,
    options?: GatherOptions,
  ): Promise<Gathered<Answer>> {
    checkSubject(subject, "write");
    const read = readOptions("bus.gather()", GATHER, options);
    const { timeout = REQUEST_TIMEOUT_MS, encoding, signal, ...rest } = read;
    const head = { ...rest, all: true };
    const asking = { head, encoding, timeoutMs: timeout, signal, isForAll: true };
    return this.#ask<Gathered<Answer>>(subject, data, asking, (resolve, reject) =>
      gathering(subject, timeout, { resolve: resolve as (gathered: Gathered) => void, reject }),
    );
  }

  lock(name: string, options?: LockOptions): Promise<Lock> {
    return this.#locks.lock(name, options);
  }

  leader(name: string, lead: LeadFunction, options?: LeaderOptions): Promise<Leadership> {
    return this.#leaders.lead(name, lead, options);
  }

  async flush(): Promise<void> {
    await this.#session.sync();
  }

  on<Name extends keyof BusEvents>(event: Name, listener: BusEvents[Name]): () => void {
    if (!this.#session.events.has(event)) {
      throw invalid("bus.on()", "event", `there is no event ${JSON.stringify(event)}`);
    }
    checkHandler("bus.on()", listener);
    return this.#session.events.on(event, listener);
  }

  async close(options?: CloseOptions): Promise<void> {
    const { timeout = CLOSE_TIMEOUT_MS } = readOptions("bus.close()", CLOSE, options);
    await this.#session.close(timeout);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get isUp(): boolean {
    return this.#session.link !== null;
  }

  /** There is a connection, or one may come in time for what waits. */
  get isHopeful(): boolean {
    return this.#session.isHopeful;
  }

  /** Resolves when the connection is there. Rejects when the first try fails, and with the signal's reason. */
  opened(signal?: AbortSignal): Promise<void> {
    return this.#session.opened(signal);
  }

  /** Takes no more of what others could do, and resolves when what it has of it is done. The bus goes on otherwise. */
  drain(): Promise<void> {
    return this.#session.drain();
  }

  #listen(
    pattern: string,
    handler: MessageHandler<never>,
    options: ReturnType<typeof readOptions<typeof SUBSCRIBE>>,
    made?: () => void,
  ): Promise<BusSubscription> {
    const { concurrency = Number.POSITIVE_INFINITY, queue = null, ...rest } = options;
    const { events } = this.#session;
    const lane = listenLane(handler, concurrency, (error, message) =>
      events.failed(error, message),
    );
    const head = { kind: "listen", queue, ...rest };
    const wanted = { kind: "listen" as const, pattern, head, isPlain: queue === null, lane };
    return this.#subscribe(made ? { ...wanted, made } : wanted);
  }

  async #subscribe(wanted: Wanted): Promise<BusSubscription> {
    const leave = await this.#session.subscribe(wanted);
    let left: Promise<void> | null = null;
    const unsubscribe = (): Promise<void> => {
      left ??= leave();
      return left;
    };
    return { subject: wanted.pattern, unsubscribe, [Symbol.asyncDispose]: unsubscribe };
  }

  #ask<Result>(
    subject: string,
    data: unknown,
    asking: Omit<Asking, "heard" | "reject">,
    answers: (
      resolve: (result: Result) => void,
      reject: (error: unknown) => void,
    ) => (frame: BusFrame) => boolean,
  ): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.#session.ask(subject, data, { ...asking, heard: answers(resolve, reject), reject });
    });
  }
}

function settle<Value>(
  make: () => Value,
  resolve: (value: Value) => void,
  reject: (error: unknown) => void,
): void {
  try {
    resolve(make());
  } catch (error) {
    reject(error);
  }
}

/** One bus over several supervisors: what is sent goes to one of them by turns, what is subscribed stands on all. */

import { HoldfastError } from "../errors.ts";
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
import type { BusClient } from "./client.ts";
import { NOBODY } from "./delivery.ts";
import { Events } from "./events.ts";
import type { Leadership, Lock } from "./locks-api.ts";
import { checkHandler, GATHER, invalid, REQUEST, readOptions } from "./options.ts";
import type {
  BusQueues,
  ConsumeOptions,
  Enqueued,
  EnqueueOptions,
  QueueConsumer,
  QueueHandler,
} from "./queue-api.ts";
import { merged } from "./spread-gather.ts";
import { Standing } from "./standing.ts";
import { REQUEST_TIMEOUT_MS } from "./terms.ts";
import { Turns } from "./turns.ts";

/** Nothing was sent. */
const UNSENT: ReadonlySet<string> = new Set(["HF_BUS_UNREACHABLE", "HF_BUS_REFUSED"]);
/** Nobody has begun with it: others may have somebody, or room. */
const UNASKED = new Set([...UNSENT, "HF_BUS_NO_RESPONDERS", "HF_BUS_OVERLOADED"]);
/** What was under way to one's store may be there: it goes nowhere else. */
const NONE: ReadonlySet<string> = new Set();
/** It may have been done, and may be done twice. */
const IDEMPOTENT = new Set([...UNASKED, "HF_BUS_CONNECTION_LOST"]);

export class SpreadBus implements Bus {
  readonly state: BusState;
  readonly queues: BusQueues;
  readonly #clients: readonly BusClient[];
  readonly #turns: Turns;
  readonly #events = new Events();
  #isUp = false;

  /** Two or more. */
  constructor(clients: readonly BusClient[]) {
    this.#clients = clients;
    this.#turns = new Turns(clients);
    for (const client of clients) {
      client.on("error", (error, message) => this.#events.failed(error, message));
      client.on("up", () => this.#turned(null));
      client.on("down", (reason) => this.#turned(reason));
    }
    const refused = (call: string) => () => oneOnly(`bus.${call}()`);
    this.state = {
      ...{ set: refused("state.set"), get: refused("state.get"), watch: refused("state.watch") },
    };
    this.queues = {
      ...{ list: refused("queues.list"), peek: refused("queues.peek") },
      ...{ retry: refused("queues.retry"), purge: refused("queues.purge") },
    };
  }

  /** Resolves when each was tried and there is a connection to one. Rejects where there is none, or as aborted. */
  async opened(signal?: AbortSignal): Promise<void> {
    const tries = await Promise.allSettled(this.#clients.map((client) => client.opened(signal)));
    signal?.throwIfAborted();
    if (tries.some(({ status }) => status === "fulfilled")) return;
    const errors = tries.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
    throw errors.find(({ code }) => code !== "HF_BUS_REFUSED") ?? errors[0];
  }

  async publish(subject: string, data?: unknown, options?: PublishOptions): Promise<void> {
    if (options?.retain) return oneOnly("bus.publish()");
    const act = (client: BusClient) => client.publish(subject, data, options);
    return this.#turns.use(act, UNSENT, keyOf(options));
  }

  subscribe<Data>(
    pattern: string,
    handler: MessageHandler<Data>,
    options?: SubscribeOptions,
  ): Promise<BusSubscription> {
    return this.#subscribe(pattern, (client) => client.subscribe(pattern, handler, options));
  }

  reply<Data>(
    pattern: string,
    handler: RequestHandler<Data>,
    options?: ReplyOptions,
  ): Promise<BusSubscription> {
    return this.#subscribe(pattern, (client) => client.reply(pattern, handler, options));
  }

  async request<Answer>(
    subject: string,
    data?: unknown,
    options?: RequestOptions,
  ): Promise<Answer> {
    const { timeout = REQUEST_TIMEOUT_MS, ...read } = readOptions(
      "bus.request()",
      REQUEST,
      options,
    );
    const deadline = performance.now() + timeout;
    const isIdempotent = read.idempotent === true;
    const ask = (client: BusClient): Promise<Answer> => {
      const left = Math.max(1, Math.ceil(deadline - performance.now()));
      const asking = { ...read, timeout: left };
      return isIdempotent
        ? this.#askHere(
            client,
            (signal) =>
              client.request<Answer>(subject, data, signal ? { ...asking, signal } : asking),
            read.signal,
          )
        : client.request<Answer>(subject, data, asking);
    };
    return this.#turns.use(ask, isIdempotent ? IDEMPOTENT : UNASKED, read.key);
  }

  async gather<Answer>(
    subject: string,
    data?: unknown,
    options?: GatherOptions,
  ): Promise<Gathered<Answer>> {
    const { signal } = readOptions("bus.gather()", GATHER, options);
    const present = this.#turns.present();
    const asked = present.map((client) => client.gather<Answer>(subject, data, options));
    const settled = await Promise.allSettled(asked);
    signal?.throwIfAborted();
    return merged(settled);
  }

  /** Where the same `key`, or `dedupe`, is to mean the same message, it has to be the same store. */
  async enqueue(queue: string, data?: unknown, options?: EnqueueOptions): Promise<Enqueued> {
    const act = (client: BusClient) => client.enqueue(queue, data, options);
    return this.#turns.use(act, NONE, keyOf(options) ?? keyOf({ key: options?.dedupe }));
  }

  async consume<Data>(
    queue: string,
    handler: QueueHandler<Data>,
    options?: ConsumeOptions,
  ): Promise<QueueConsumer> {
    const stop = await this.#stand(queue, async (client) => {
      const made = await client.consume(queue, handler, options);
      return () => made.stop();
    });
    return { queue, stop, [Symbol.asyncDispose]: stop };
  }

  lock(): Promise<Lock> {
    return oneOnly("bus.lock()");
  }

  leader(): Promise<Leadership> {
    return oneOnly("bus.leader()");
  }

  async flush(): Promise<void> {
    await Promise.all(this.#turns.present().map((client) => client.flush()));
  }

  on<Name extends keyof BusEvents>(event: Name, listener: BusEvents[Name]): () => void {
    if (!this.#events.has(event)) {
      throw invalid("bus.on()", "event", `there is no event ${JSON.stringify(event)}`);
    }
    checkHandler("bus.on()", listener);
    return this.#events.on(event, listener);
  }

  async close(options?: CloseOptions): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close(options)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Where its connection is lost and another one is there, it is asked there and not when this one comes back. */
  async #askHere<Answer>(
    client: BusClient,
    ask: (signal: AbortSignal) => Promise<Answer>,
    given: AbortSignal | undefined,
  ): Promise<Answer> {
    const moved = new AbortController();
    const forget = client.on("down", () => {
      if (!this.#clients.some((other) => other.isUp)) return;
      moved.abort(new HoldfastError("HF_BUS_CONNECTION_LOST", { action: "the request" }));
    });
    try {
      return await ask(given ? AbortSignal.any([given, moved.signal]) : moved.signal);
    } finally {
      forget();
    }
  }

  async #subscribe(
    subject: string,
    make: (client: BusClient) => Promise<BusSubscription>,
  ): Promise<BusSubscription> {
    const unsubscribe = await this.#stand(subject, async (client) => {
      const made = await make(client);
      return () => made.unsubscribe();
    });
    return { subject, unsubscribe, [Symbol.asyncDispose]: unsubscribe };
  }

  /** Gives what ends it on all. */
  async #stand(
    subject: string,
    make: (client: BusClient) => Promise<() => Promise<void>>,
  ): Promise<() => Promise<void>> {
    const standing = new Standing(this.#clients, {
      make,
      failed: (error) => this.#events.failed(error, { subject, from: NOBODY, headers: {} }),
    });
    await standing.begin();
    return () => standing.end();
  }

  /** It is up while there is a connection to one. */
  #turned(reason: string | null): void {
    const isUp = this.#clients.some((client) => client.isUp);
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    if (isUp) this.#events.tell("up");
    else this.#events.tell("down", reason ?? "no connection is left");
  }
}

/** What one supervisor keeps would be another thing on each. */
function oneOnly(call: string): Promise<never> {
  const said = 'of connect() is "all", and this is kept by one supervisor: connect to that one';
  return Promise.reject(invalid(call, "balance", said));
}

function keyOf(options: { readonly key?: unknown } | undefined): string | undefined {
  return typeof options?.key === "string" ? options.key : undefined;
}

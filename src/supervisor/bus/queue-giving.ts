/** Handing out: messages are taken from the store for those whose turn it is, and sent as their windows allow. */

import { retryDelayMs } from "../../core/queue/backoff.ts";
import type { Dispatcher, Take } from "../../core/queue/dispatch.ts";
import { BUS, type OutgoingFrame } from "../../link/bus-frames.ts";
import type { QueueStore } from "../queue/store.ts";
import type { Leased } from "../queue/terms.ts";
import type { Client } from "./client.ts";
import type { Consumer, Lease, Leases } from "./queue-leases.ts";
import type { Returns } from "./queue-returns.ts";

/** A queue that could not be read is tried again. */
const AGAIN_MS = 2000;

const SPENT = "its window is spent";

export interface GivingPort {
  /** The store's name. */
  name(): string;
  readonly leases: Leases;
  readonly dispatcher: Dispatcher;
  /** Null while there is none. */
  store(): QueueStore | null;
  /** The store could not do something. */
  failed(error: unknown): void;
}

export class Giving {
  readonly #port: GivingPort;
  readonly #dispatcher: Dispatcher;
  readonly #returns: Returns;
  readonly #takes = new Set<Promise<void>>();
  #isPumpDue = false;
  #isClosed = false;

  constructor(port: GivingPort, returns: Returns) {
    this.#port = port;
    this.#dispatcher = port.dispatcher;
    this.#returns = returns;
  }

  /** Resolves when what was still asked for has come, and was given back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#takes);
  }

  due(queue: string): void {
    this.#dispatcher.due(queue);
    this.pump();
  }

  /** The client's window has opened. */
  credit(client: Client, consumers: readonly Consumer[]): void {
    for (const consumer of consumers) {
      const waiting = consumer.waiting.splice(0);
      for (const [index, { lease, message }] of waiting.entries()) {
        if (this.#send(client, lease, message)) continue;
        // Those after it keep their places behind it.
        consumer.waiting.push(...waiting.slice(index + 1));
        return;
      }
    }
    this.#dispatcher.lift(client.id, SPENT);
    this.pump();
  }

  /** What has not been sent to the client, others can have. */
  takeBack(client: Client, consumers: readonly Consumer[]): void {
    for (const consumer of consumers) this.recall(consumer);
    this.#dispatcher.lift(client.id, SPENT);
  }

  /** The same of one of its consumers. */
  recall(consumer: Consumer): void {
    for (const { lease } of consumer.waiting.splice(0)) this.#returns.giveBack(lease);
  }

  /** Once for all that happens in this turn. */
  pump(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      const store = this.#port.store();
      if (!store || this.#isClosed) return;
      for (let take = this.#dispatcher.next(); take; take = this.#dispatcher.next()) {
        const taking = this.#take(store, take).finally(() => this.#takes.delete(taking));
        this.#takes.add(taking);
      }
    });
  }

  async #take(store: QueueStore, take: Take): Promise<void> {
    const { queue, limit, holder } = take;
    const found = await store.take(queue, limit, holder).catch((error: unknown) => {
      if (store === this.#port.store()) this.#port.failed(error);
      setTimeout(() => this.due(queue), AGAIN_MS).unref();
      return [];
    });
    const bytes = found.reduce((sum, { body }) => sum + body.length, 0);
    const isThere = this.#dispatcher.took(take, found.length, bytes) && !this.#isClosed;
    const consumer = isThere ? this.#port.leases.find(holder) : undefined;
    const client = consumer?.client;
    for (const message of found) {
      if (consumer && client?.state === "ready") this.#handOut(consumer, client, message);
      else {
        this.#returns.write({ id: message.id, attempt: message.attempt, how: "release" }, store);
        this.#dispatcher.ended(holder);
      }
    }
    this.pump();
  }

  #handOut(consumer: Consumer, client: Client, message: Leased): void {
    const lease = this.#returns.lease(consumer, message);
    if (consumer.waiting.length > 0) consumer.waiting.push({ lease, message });
    else this.#send(client, lease, message);
  }

  /** False: it waits until there is room. */
  #send(client: Client, lease: Lease, message: Leased): boolean {
    const { consumer, id, attempt } = lease;
    const how = client.ask(leaseFrame(this.#port.name(), consumer, message));
    if (how === "sent") this.#returns.renew(lease);
    if (how === "full") {
      consumer.waiting.push({ lease, message });
      this.#dispatcher.bar(client.id, SPENT);
    }
    if (how === "too-long") {
      const error = { name: "HoldfastError", message: "it is larger than its consumer takes" };
      const delayMs = retryDelayMs(attempt, Math.random(), consumer.backoff);
      this.#returns.free(lease);
      this.#returns.write({ id, attempt, how: "retry", delayMs, error, reason: "failed" });
    }
    return how !== "full";
  }
}

function leaseFrame(store: string, consumer: Consumer, message: Leased): OutgoingFrame {
  const { id, attempt, format, body, key, headers, enqueuedAt } = message;
  const { number: to, queue: subject, timeoutMs } = consumer;
  const head = {
    ...{ message: id, attempt, store, enqueuedAt, timeoutMs },
    ...(key === null ? {} : { key }),
    ...(headers === null ? {} : { headers }),
  };
  return { kind: BUS.lease, format, id: 0, to, subject, head, body };
}

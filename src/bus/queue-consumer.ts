/** One consumer of a durable queue: its handler, and the messages it has. */

import { PassingMap } from "../core/passing-map.ts";
import { BUS, type Head, type OutgoingFrame } from "../link/bus-frames.ts";
import type { BusMessage } from "./api.ts";
import { decodeBody } from "./body.ts";
import { NOBODY } from "./delivery.ts";
import { frameOf } from "./frames-out.ts";
import { Lane } from "./lane.ts";
import type { QueueHandler } from "./queue-api.ts";
import type { Leased } from "./queue-work.ts";

export interface ConsumerTerms {
  readonly number: number;
  readonly queue: string;
  readonly handler: QueueHandler<never>;
  /** What the supervisor is told: concurrency, timeoutMs, backoff, session. */
  readonly head: Head & { readonly concurrency: number };
}

export interface ConsumerEvents {
  /** A handler has ended, and how is to be told. */
  worked(consumer: Consumer, leased: Leased): void;
  /** A handler threw: the message comes again, but nobody here is told otherwise. */
  failed(error: unknown, message: BusMessage): void;
}

export class Consumer {
  readonly number: number;
  readonly queue: string;
  /** At work, or their end is not with the supervisor yet. */
  readonly has = new PassingMap<string, Leased>();
  /** It wants nothing more, */
  isStopping = false;
  /** and nothing more comes. */
  isStopped = false;
  readonly #head: ConsumerTerms["head"];
  readonly #lane: Lane<Leased>;
  readonly #onStopped: (() => void)[] = [];

  constructor(terms: ConsumerTerms, events: ConsumerEvents) {
    const { handler, head, number, queue } = terms;
    this.number = number;
    this.queue = queue;
    this.#head = head;
    this.#lane = new Lane(head.concurrency, async (leased) => {
      leased.ended(await run(handler, leased, events));
      events.worked(this, leased);
    });
  }

  give(leased: Leased): void {
    this.has.set(leased.key, leased);
    this.#lane.give(leased);
  }

  /** How the supervisor is told of it, also over a new connection: what it has stays with it. */
  frame(id: number): OutgoingFrame {
    const holding = [...this.has.values()].map(({ claim }) => claim);
    const concurrency = this.isStopping ? 0 : this.#head.concurrency;
    const head = { ...this.#head, concurrency, ...(holding.length > 0 ? { holding } : {}) };
    return { ...frameOf(BUS.consume, id, this.queue, head), to: this.number };
  }

  /** How a message has ended. */
  settling(id: number, { end }: Leased): OutgoingFrame {
    return { ...frameOf(BUS.settle, id, this.queue, end), to: this.number };
  }

  /** Resolves when the supervisor gives it nothing more. */
  whenStopped(): Promise<void> {
    return new Promise((resolve) => this.#onStopped.push(resolve));
  }

  stopped(): void {
    this.isStopped = true;
    for (const tell of this.#onStopped.splice(0)) tell();
  }
}

async function run(
  handler: QueueHandler<never>,
  leased: Leased,
  events: ConsumerEvents,
): Promise<{ readonly error: unknown } | null> {
  const { format, body, subject } = leased.frame;
  const work = leased.work();
  try {
    await handler(decodeBody(format, body, subject) as never, work);
    return null;
  } catch (error) {
    events.failed(error, { subject, from: NOBODY, headers: work.headers });
    return { error };
  }
}

/** Messages that are handed out, and those who have them. */

import type { Due as Deadlined } from "../../core/bus/deadlines.ts";
import { Deadlines } from "../../core/bus/deadlines.ts";
import { PassingMap } from "../../core/passing-map.ts";
import { RETRY_BACKOFF, type RetryBackoff } from "../../core/queue/backoff.ts";
import type { Leased, Settlement } from "../queue/terms.ts";
import type { Client } from "./client.ts";
import type { Claim } from "./queue-heads.ts";

/** One who consumes a queue, or did and has messages of it. */
export interface Consumer {
  /** What the store knows it by: it stays when its client comes by another connection. */
  readonly holder: string;
  readonly queue: string;
  /** The client's own for it. */
  number: number;
  /** Null while its connection is lost. */
  client: Client | null;
  /** Its process, where it is a worker. */
  worker: number | null;
  /** It is given nothing more. */
  isStopped: boolean;
  timeoutMs: number;
  backoff: RetryBackoff;
  readonly leases: PassingMap<string, Lease>;
  /** Handed out, and not sent yet, as the client's window is spent. */
  waiting: { readonly lease: Lease; readonly message: Leased }[];
}

export interface Lease extends Claim, Deadlined {
  readonly consumer: Consumer;
  /** On the clock of `performance`. */
  deadline: number;
  /** False: it is over, but its handler may still be at work and takes the room of another. */
  stands: boolean;
  /** How its handler has ended, where that could not be written down; null: it has not been said. */
  end: Settlement | null;
}

export class Leases {
  readonly #consumers = new Map<string, Consumer>();
  readonly #deadlines = new Deadlines<Lease>();

  find(holder: string): Consumer | undefined {
    return this.#consumers.get(holder);
  }

  get consumers(): readonly Consumer[] {
    return [...this.#consumers.values()];
  }

  put(consumer: Consumer): void {
    this.#consumers.set(consumer.holder, consumer);
  }

  /** When the first lease ends by waiting; null: none does. */
  nextDeadline(): number | null {
    return this.#deadlines.first()?.deadline ?? null;
  }

  /** The first whose deadline has come. */
  late(now: number): Lease | null {
    const first = this.#deadlines.first();
    return first && first.deadline <= now ? first : null;
  }

  add(consumer: Consumer, { id, attempt }: Claim, deadline: number): Lease {
    const lease = { id, attempt, consumer, deadline, stands: true, end: null, place: -1 };
    consumer.leases.set(keyOf(lease), lease);
    this.#deadlines.add(lease);
    return lease;
  }

  /** It takes room and is no lease. */
  addGhost(consumer: Consumer, { id, attempt }: Claim): void {
    const ghost = { id, attempt, consumer, deadline: 0, stands: false, end: null, place: -1 };
    consumer.leases.set(keyOf(ghost), ghost);
  }

  /** It stands until another instant. */
  prolong(lease: Lease, deadline: number): void {
    this.#deadlines.remove(lease);
    lease.deadline = deadline;
    if (lease.stands) this.#deadlines.add(lease);
  }

  /** It is no lease any more, and goes on taking room. */
  end(lease: Lease): void {
    lease.stands = false;
    this.#deadlines.remove(lease);
  }

  /** It is gone, and its room is free. */
  remove(lease: Lease): void {
    this.end(lease);
    lease.consumer.leases.delete(keyOf(lease));
  }

  forget({ holder }: Consumer): void {
    this.#consumers.delete(holder);
  }
}

export function newConsumer(holder: string, queue: string): Consumer {
  return {
    ...{ holder, queue, number: 0, client: null, worker: null, isStopped: false },
    ...{ timeoutMs: 0, backoff: RETRY_BACKOFF, leases: new PassingMap(), waiting: [] },
  };
}

export function keyOf({ id, attempt }: Claim): string {
  return `${id}/${attempt}`;
}

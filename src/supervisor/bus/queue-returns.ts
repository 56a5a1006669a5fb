/** How messages come back that were handed out: given back unseen, lost, late, or not written down yet. */

import type { Dispatcher } from "../../core/queue/dispatch.ts";
import { type FailureReason, fateOf } from "../../core/queue/fate.ts";
import type { QueueStore } from "../queue/store.ts";
import type { Settlement } from "../queue/terms.ts";
import { Due } from "./due.ts";
import type { Claim } from "./queue-heads.ts";
import { type Consumer, keyOf, type Lease, type Leases } from "./queue-leases.ts";

/** So long a handler may be over its time before its message goes to another one: its own end comes first. */
const LATE_MS = 5000;
/** So long one whose connection is lost may take to come back to what it has. */
export const GRACE_MS = 10_000;
/** What the store could not write down is tried again. */
const AGAIN_MS = 2000;

export interface ReturnsPort {
  readonly leases: Leases;
  readonly dispatcher: Dispatcher;
  /** Null while there is none. */
  store(): QueueStore | null;
  /** The store could not do something. */
  failed(error: unknown): void;
  /** There is room again. */
  freed(): void;
  /** A consumer has one message less. */
  left(consumer: Consumer): void;
}

export class Returns {
  readonly #port: ReturnsPort;
  readonly #due: Due;

  constructor(port: ReturnsPort) {
    this.#port = port;
    this.#due = new Due(port.leases, (now) => this.#expire(now));
  }

  close(): void {
    this.#due.close();
  }

  /** A consumer that is there may work on it as long as it has said, one that is not has some time to come back. */
  lease(consumer: Consumer, claim: Claim): Lease {
    const spanMs = consumer.client ? spanOf(consumer) : GRACE_MS;
    const lease = this.#port.leases.add(consumer, claim, performance.now() + spanMs);
    this.#due.look();
    return lease;
  }

  /** The same once more, from now on. */
  renew(lease: Lease): void {
    const { consumer } = lease;
    const spanMs = consumer.client ? spanOf(consumer) : GRACE_MS;
    this.#port.leases.prolong(lease, performance.now() + spanMs);
    this.#due.look();
  }

  /** It is over, and what it took is free. */
  free(lease: Lease): void {
    const { leases, dispatcher } = this.#port;
    const { consumer } = lease;
    leases.remove(lease);
    dispatcher.ended(consumer.holder);
    this.#port.left(consumer);
    this.#port.freed();
  }

  /** It is at work there already, and its room is taken from now on. */
  keep(consumer: Consumer, claim: Claim): Lease {
    if (!consumer.leases.has(keyOf(claim))) this.#port.dispatcher.kept(consumer.holder);
    return this.lease(consumer, claim);
  }

  /** Its end could not be written down: that is tried again, at the latest when its time is over. */
  restore({ consumer: last, id, attempt, deadline }: Lease, end: Settlement): void {
    const { leases } = this.#port;
    // Its client may have come back over another connection meanwhile.
    const consumer = leases.find(last.holder) ?? last;
    leases.put(consumer);
    const lease = this.keep(consumer, { id, attempt });
    lease.end = end;
    if (consumer.client) leases.prolong(lease, deadline);
    this.#due.look();
  }

  /** As if it had never been handed out. */
  giveBack(lease: Lease): void {
    const { id, attempt, stands, end } = lease;
    this.free(lease);
    if (stands) this.write(end ?? { id, attempt, how: "release" });
  }

  /** A hung handler is given nothing in place of it: its room is free when it says that it has ended. */
  lose(lease: Lease, reason: FailureReason): void {
    const { id, attempt, consumer, stands, end } = lease;
    if (reason === "timeout" && end === null) this.#port.leases.end(lease);
    else this.free(lease);
    if (!stands) return;
    if (end !== null) return this.write(end);
    const { backoff } = consumer;
    // Whether it was the last attempt the store knows.
    const attempts = Number.POSITIVE_INFINITY;
    const random = Math.random();
    const fate = fateOf({ attempt, attempts, reason, retryAfterMs: null, backoff, random });
    const delayMs = fate.how === "retry" ? fate.delayMs : 0;
    this.write({ id, attempt, how: "retry", delayMs, error: null, reason });
  }

  loseAll(consumer: Consumer): void {
    for (const lease of [...consumer.leases.values()]) this.lose(lease, "lost");
  }

  /** Said until it is written, or that store is gone: it knows then that it has handed it out. */
  write(settlement: Settlement, store = this.#port.store()): void {
    store?.settle(settlement).catch((error: unknown) => {
      if (store !== this.#port.store()) return;
      this.#port.failed(error);
      setTimeout(() => this.write(settlement, store), AGAIN_MS).unref();
    });
  }

  #expire(now: number): void {
    const { leases } = this.#port;
    for (let late = leases.late(now); late; late = leases.late(now)) {
      const { consumer } = late;
      const place = consumer.waiting.findIndex(({ lease }) => lease === late);
      if (consumer.client === null) this.lose(late, "lost");
      else if (place < 0) this.lose(late, "timeout");
      else {
        consumer.waiting.splice(place, 1);
        this.giveBack(late);
      }
    }
  }
}

function spanOf({ timeoutMs }: Consumer): number {
  return timeoutMs + LATE_MS;
}

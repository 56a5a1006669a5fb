/** Where members ask for locks and leaderships: frames in, what becomes of each out. */

import type { BusCounts } from "../../core/bus/counts.ts";
import type { MemberState } from "../../core/bus/exchange.ts";
import { type LockOutcome, Locks } from "../../core/bus/locks.ts";
import { BUS, type BusFrame } from "../../link/bus-frames.ts";
import type { Client } from "./client.ts";
import type { Desk } from "./desk.ts";
import { Due } from "./due.ts";
import { publishFault, waitOf } from "./heads.ts";
import { type Failed, failureHead } from "./post.ts";

/** Of a supervisor that starts later, as long as the clock is not set back: it goes on higher than the last one. */
const FENCES_PER_MS = 1000;

/** What the client is told, as the end of a sentence. */
const REFUSALS: Readonly<Record<(LockOutcome & { kind: "refused" })["why"], Failed>> = {
  held: { code: "LOCKED", message: "another one has it" },
  "not-given": {
    code: "LOCKED",
    message: "it is given to none that hangs, nor a leadership to one that is not ready",
  },
  "too-many": { code: "OVERLOADED", message: "this process holds or awaits too many locks" },
};

export class LockDesk implements Desk {
  readonly kinds = [BUS.lock, BUS.unlock];
  readonly #counts: BusCounts;
  /** Those who have asked for something. */
  readonly #clients = new Map<number, Client>();
  #locks = new Locks({ fence: Date.now() * FENCES_PER_MS });
  #due: Due;

  constructor(counts: BusCounts) {
    this.#counts = counts;
    this.#due = this.#newDue();
  }

  hear(client: Client, frame: BusFrame): void {
    if (frame.kind === BUS.lock) return this.#ask(client, frame);
    const outcomes = this.#locks.release(client.id, frame.id);
    client.send(BUS.done, frame.id);
    this.#carryOut(outcomes);
  }

  turned(client: Client, state: MemberState): void {
    this.#carryOut(this.#locks.turn(client.id, state));
  }

  left(client: Client): void {
    this.#clients.delete(client.id);
    this.#carryOut(this.#locks.leave(client.id));
  }

  async close(): Promise<void> {
    this.#due.close();
    this.#clients.clear();
    this.#locks = new Locks({ fence: this.#locks.fence });
    this.#due = this.#newDue();
    this.#count();
  }

  #ask(client: Client, { id, subject: name, head }: BusFrame): void {
    const fault = publishFault(name);
    if (fault !== null) {
      const failed = failureHead({ code: "SUBJECT_INVALID", message: fault });
      return void client.send(BUS.failure, id, failed);
    }
    if (this.#locks.has(client.id, id)) {
      return client.link.destroy("it used the number of a lock for another one");
    }
    this.#clients.set(client.id, client);
    this.#locks.join(client.id, client.state);
    const now = performance.now();
    const waitMs = waitOf(head);
    const deadline = waitMs === null ? null : now + waitMs;
    const ask = { member: client.id, id, name, isLeader: head?.leader === true, deadline };
    this.#carryOut(this.#locks.ask(ask, now));
    this.#due.look();
  }

  #carryOut(outcomes: readonly LockOutcome[]): void {
    for (const outcome of outcomes) {
      const { member, id } = outcome;
      const client = this.#clients.get(member);
      if (outcome.kind === "granted") client?.send(BUS.done, id, { fence: outcome.fence });
      else if (outcome.kind === "lost") client?.send(BUS.unlock, id);
      else client?.send(BUS.failure, id, failureHead(REFUSALS[outcome.why]));
    }
    this.#count();
  }

  #count(): void {
    const { held, waiting } = this.#locks.sizes();
    this.#counts.locks = held;
    this.#counts.lockWaiters = waiting;
  }

  #newDue(): Due {
    const locks = this.#locks;
    return new Due(locks, (now) => this.#carryOut(locks.expire(now)));
  }
}

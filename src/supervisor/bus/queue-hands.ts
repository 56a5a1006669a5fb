/** Messages of durable queues on their way to consumers: who is there, what each is given, and what it says of it. */

import { retryDelayMs } from "../../core/queue/backoff.ts";
import { Dispatcher } from "../../core/queue/dispatch.ts";
import type { BusFrame } from "../../link/bus-frames.ts";
import type { QueueStore } from "../queue/store.ts";
import type { HeldLease } from "../queue/terms.ts";
import type { Client } from "./client.ts";
import { Giving } from "./queue-giving.ts";
import { type ConsumeHead, readSettle } from "./queue-heads.ts";
import { holderOf, isWorkers } from "./queue-holder.ts";
import { type Consumer, keyOf, type Lease, Leases, newConsumer } from "./queue-leases.ts";
import { Returns } from "./queue-returns.ts";

/** Of what a client says it holds and that is no lease any more, so much is remembered with what it has. */
const MOST_CLAIMED = 1000;

const STATE = "it is not ready";

export interface HandsPort {
  /** The store's name. */
  name(): string;
  /** Null while there is none. */
  store(): QueueStore | null;
  /** The store could not do something. */
  failed(error: unknown): void;
}

export class QueueHands {
  readonly #port: HandsPort;
  readonly #dispatcher = new Dispatcher();
  readonly #leases = new Leases();
  readonly #returns: Returns;
  readonly #giving: Giving;
  /** By the client's own numbers. */
  readonly #places = new Map<Client, Map<number, Consumer>>();
  #hasOpened = false;

  constructor(port: HandsPort) {
    this.#port = port;
    const shared = {
      name: () => port.name(),
      ...{ leases: this.#leases, dispatcher: this.#dispatcher },
      store: () => port.store(),
      failed: (error: unknown) => port.failed(error),
    };
    this.#returns = new Returns({
      ...shared,
      freed: () => this.#giving.pump(),
      left: (consumer) => this.#tidy(consumer),
    });
    this.#giving = new Giving(shared, this.#returns);
  }

  /** Consumers. */
  get size(): number {
    return this.#dispatcher.size;
  }

  countOf(client: Client): number {
    return this.#places.get(client)?.size ?? 0;
  }

  /** Whether it has one of this number. */
  has(client: Client, number: number): boolean {
    return this.#places.get(client)?.has(number) ?? false;
  }

  /** The store is there: those who have what it handed out before keep it, or have some time to come for it. */
  opened(held: readonly HeldLease[]): void {
    for (const claim of held) {
      const { holder, queue, id, attempt } = claim;
      const consumer = this.#leases.find(holder) ?? newConsumer(holder, queue);
      this.#leases.put(consumer);
      // One that is there and does not have it was never sent it: the store failed before.
      if (consumer.client && !consumer.leases.has(keyOf(claim))) {
        this.#returns.write({ id, attempt, how: "release" });
        continue;
      }
      const lease = this.#returns.keep(consumer, claim);
      // The first time they are another supervisor's: its workers have ended with it, and never come back as such.
      if (!this.#hasOpened && isWorkers(holder)) this.#returns.lose(lease, "lost");
    }
    this.#hasOpened = true;
    for (const queue of this.#dispatcher.queues) this.#giving.due(queue);
  }

  /** The store is gone, and with it all leases; who consumes stays. */
  lost(): void {
    for (const client of this.#places.keys())
      this.#giving.takeBack(client, this.#consumersOf(client));
    for (const consumer of this.#leases.consumers) {
      for (const lease of [...consumer.leases.values()]) {
        if (consumer.client) this.#leases.end(lease);
        else this.#returns.free(lease);
      }
    }
  }

  due(queue: string): void {
    this.#giving.due(queue);
  }

  /** Comes, comes again over another connection, or is to be given nothing more. */
  consume(client: Client, { to: number, subject: queue }: BusFrame, head: ConsumeHead): void {
    const { session, timeoutMs, backoff, concurrency } = head;
    const holder = holderOf(client, session ?? "", number);
    const known = this.#leases.find(holder);
    if (known && known.queue !== queue) this.#returns.loseAll(known);
    const consumer = known?.queue === queue ? known : newConsumer(holder, queue);
    const isNew = consumer.client !== client;
    const worker = client.member?.worker ?? null;
    const isStopped = concurrency === 0;
    Object.assign(consumer, { client, number, worker, isStopped, timeoutMs, backoff });
    this.#leases.put(consumer);
    this.#seat(client, consumer);
    // What it was sent by this connection may still be on its way to it.
    if (isNew) this.#claim(client, consumer, head);
    if (client.state !== "ready") this.#dispatcher.bar(client.id, STATE);
    if (isStopped) {
      this.#dispatcher.remove(holder);
      this.#giving.recall(consumer);
      return this.#tidy(consumer);
    }
    const chair = { holder, queue, member: client.id, concurrency };
    this.#dispatcher.add(chair, consumer.leases.size);
    this.#giving.due(queue);
  }

  /** How a message at work ends. Resolves with whether that lease stood. */
  async settle(client: Client, { to, head }: BusFrame): Promise<boolean> {
    const consumer = this.#places.get(client)?.get(to);
    const store = this.#port.store();
    const settlement = readSettle(head, this.#port.name(), (attempt) =>
      consumer ? retryDelayMs(attempt, Math.random(), consumer.backoff) : 0,
    );
    const lease = settlement && consumer?.leases.get(keyOf(settlement));
    if (!lease || !store) return false;
    const { stands } = lease;
    this.#returns.free(lease);
    if (!stands) return false;
    try {
      return await store.settle(settlement);
    } catch (error) {
      if (store === this.#port.store()) this.#returns.restore(lease, settlement);
      else this.#remember(lease);
      throw error;
    }
  }

  turned(client: Client): void {
    if (client.state === "ready") this.#dispatcher.lift(client.id, STATE);
    else {
      this.#dispatcher.bar(client.id, STATE);
      this.#giving.takeBack(client, this.#consumersOf(client));
    }
    this.#giving.pump();
  }

  /** Its window has opened. */
  credit(client: Client): void {
    this.#giving.credit(client, this.#consumersOf(client));
  }

  /** `isOver`: its process is gone, and does not come back to what it has. */
  left(client: Client, isOver: boolean): void {
    this.#giving.takeBack(client, this.#consumersOf(client));
    this.#dispatcher.leave(client.id);
    const consumers = this.#consumersOf(client);
    this.#places.delete(client);
    for (const consumer of consumers) this.#parted(consumer, isOver);
    this.#giving.pump();
  }

  /** The worker's process is gone. */
  ended(worker: number): void {
    for (const consumer of this.#leases.consumers) {
      if (consumer.client === null && consumer.worker === worker) this.#returns.loseAll(consumer);
    }
  }

  /** All members are gone; it is of no use any more. Resolves when what was never sent is given back to the store. */
  close(): Promise<void> {
    for (const client of this.#places.keys())
      this.#giving.takeBack(client, this.#consumersOf(client));
    this.#returns.close();
    this.#places.clear();
    return this.#giving.close();
  }

  /** Its store has failed: whether its end is written down shows when that is open again. */
  #remember({ consumer, ...claim }: Lease): void {
    if (consumer.client === null || consumer.leases.has(keyOf(claim))) return;
    if (this.#leases.find(consumer.holder) !== consumer) return;
    this.#leases.addGhost(consumer, claim);
    this.#dispatcher.kept(consumer.holder);
  }

  /** What it says it holds it keeps; what else it was given never came to it. */
  #claim(client: Client, consumer: Consumer, { holding, concurrency }: ConsumeHead): void {
    const claimed = new Map(holding.map((claim) => [keyOf(claim), claim]));
    consumer.waiting = [];
    for (const lease of [...consumer.leases.values()]) {
      if (claimed.delete(keyOf(lease))) this.#returns.renew(lease);
      else this.#returns.giveBack(lease);
    }
    // They are not its any more, but it still works on them, and has less room.
    const known = this.#consumersOf(client).reduce((sum, { leases }) => sum + leases.size, 0);
    const ghosts = [...claimed.values()].slice(0, Math.min(concurrency, MOST_CLAIMED - known));
    for (const claim of known < MOST_CLAIMED ? ghosts : []) this.#leases.addGhost(consumer, claim);
  }

  /** By its number it has one consumer: what another one of that number has is as if its connection were lost. */
  #seat(client: Client, consumer: Consumer): void {
    const seats = this.#places.get(client) ?? new Map<number, Consumer>();
    const last = seats.get(consumer.number);
    this.#places.set(client, seats.set(consumer.number, consumer));
    if (last === undefined || last === consumer || last.client !== client) return;
    this.#giving.recall(last);
    this.#dispatcher.remove(last.holder);
    this.#parted(last, false);
  }

  /** Its connection is lost, with or without its process. */
  #parted(consumer: Consumer, isOver: boolean): void {
    consumer.client = null;
    for (const lease of [...consumer.leases.values()]) {
      if (!lease.stands) this.#returns.free(lease);
      else if (isOver) this.#returns.lose(lease, "lost");
      else this.#returns.renew(lease);
    }
    this.#tidy(consumer);
  }

  /** Another connection may have taken the place of one. */
  #consumersOf(client: Client): readonly Consumer[] {
    const all = [...(this.#places.get(client)?.values() ?? [])];
    return all.filter((consumer) => consumer.client === client);
  }

  /** Forgets one that is given nothing more and has nothing. */
  #tidy(consumer: Consumer): void {
    const { client, number, isStopped, leases } = consumer;
    if (leases.size > 0 || (client && !isStopped)) return;
    if (this.#leases.find(consumer.holder) === consumer) this.#leases.forget(consumer);
    const place = client ? this.#places.get(client) : undefined;
    if (place?.get(number) === consumer) place.delete(number);
  }
}

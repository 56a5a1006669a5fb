/** Durable queues as a process uses them: what it puts in, and what it takes out and has to end. */

import { randomBytes } from "node:crypto";
import { HoldfastError } from "../errors.ts";
import { BUS, type BusFrame, type Head } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import type { Body } from "./body.ts";
import { NOBODY } from "./delivery.ts";
import { Enqueuing } from "./enqueuing.ts";
import { errorOf } from "./failure.ts";
import { frameOf } from "./frames-out.ts";
import type { Part, PartPort } from "./part.ts";
import { Consumer, type ConsumerTerms } from "./queue-consumer.ts";
import { later, say } from "./queue-talk.ts";
import { Leased } from "./queue-work.ts";

/** A consumer that is to be made, and who waits for that. */
interface Wait {
  resolve(): void;
  reject(error: unknown): void;
}

export class QueuePart implements Part {
  readonly kinds = [BUS.lease];
  readonly #port: PartPort;
  /** Names this process to the supervisor over all its connections. */
  readonly #session = randomBytes(12).toString("base64url");
  readonly #consumers = new Map<number, Consumer>();
  readonly #unmade = new Map<Consumer, Wait>();
  #leases = 0;
  #onIdle: (() => void)[] = [];
  /** The process stays for consumers. */
  #isKept = true;
  /** There was no connection for long: what is at work may be given to others, */
  #isCutOff = false;
  /** and there will be none any more. */
  #isGone = false;

  constructor(port: PartPort) {
    this.#port = port;
  }

  /** Resolves with what the supervisor says, when it is stored. */
  enqueue(queue: string, head: Head, body: Body): Promise<Head> {
    const port = this.#port;
    const link = port.use("enqueue");
    const told = { ...head, once: randomBytes(12).toString("base64url") };
    const frame = frameOf(BUS.enqueue, port.number(), queue, told, body);
    const enqueuing = new Enqueuing(frame, port.pending);
    port.outbox.post(enqueuing, link);
    return enqueuing.done;
  }

  /** Resolves, when the supervisor has it, with what stops it. */
  async consume(terms: Omit<ConsumerTerms, "number">): Promise<() => Promise<void>> {
    const port = this.#port;
    const link = port.useWhileOpen("consume");
    const head = { ...terms.head, session: this.#session };
    const consumer = new Consumer(
      { ...terms, head, number: port.number() },
      {
        worked: (own, leased) => this.#worked(own, leased),
        failed: (error, message) => port.events.failed(error, message),
      },
    );
    this.#consumers.set(consumer.number, consumer);
    if (this.#isKept) port.keepAlive.hold();
    await new Promise<void>((resolve, reject) => {
      this.#unmade.set(consumer, { resolve, reject });
      if (link) this.#tell(consumer, link);
    });
    return () => this.#stop(consumer);
  }

  /** What is in the queues, and what is to become of it. Resolves with the answer's head. */
  async manage(queue: string, head: Head): Promise<Head> {
    const port = this.#port;
    const link = port.use("queues");
    const frame = frameOf(BUS.manage, port.number(), queue, head);
    const action = `the call about ${queue === "" ? "all queues" : `the queue "${queue}"`}`;
    return (await port.run({ frame, subject: queue, action, isConfirmed: true }, link)) ?? {};
  }

  has(number: number): boolean {
    return this.#consumers.has(number);
  }

  hear(frame: BusFrame, link: BusLink): void {
    const consumer = this.#consumers.get(frame.to);
    if (!consumer) return link.worked(frame.bytes);
    this.#leases += 1;
    this.#port.keepAlive.hold();
    consumer.give(new Leased(frame, link, Date.now()));
  }

  up(link: BusLink): void {
    this.#isCutOff = false;
    for (const consumer of this.#consumers.values()) {
      this.#tell(consumer, link);
      for (const leased of [...consumer.has.values()]) this.#settle(consumer, leased);
    }
  }

  down(): void {
    for (const consumer of [...this.#consumers.values()]) {
      if (consumer.isStopping) this.#stopped(consumer);
    }
  }

  unreachable(error: HoldfastError): void {
    this.#isCutOff = true;
    this.#cancelAll(error);
    for (const consumer of [...this.#unmade.keys()]) this.#refused(consumer, error);
  }

  fail(error: HoldfastError): void {
    this.#isGone = true;
    this.#cancelAll(error);
    for (const consumer of [...this.#consumers.values()]) this.#refused(consumer, error);
  }

  async drain(): Promise<void> {
    this.#letGo();
    this.#dropEnds();
    if (this.#consumers.size === 0) return;
    // What says that this process leaves is said first: then nothing more is on its way when this is answered.
    await null;
    const { link } = this.#port;
    const frame = frameOf(BUS.sync, this.#port.number());
    const terms = { frame, subject: "drain", action: "the drain", isConfirmed: true };
    if (link) await this.#port.run(terms, link).catch(() => {});
    if (this.#leases > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  #letGo(): void {
    if (!this.#isKept) return;
    this.#isKept = false;
    for (const _consumer of this.#consumers.values()) this.#port.keepAlive.release();
  }

  #stop(consumer: Consumer): Promise<void> {
    if (this.#consumers.get(consumer.number) !== consumer) return Promise.resolve();
    const { link } = this.#port;
    const stopped = consumer.whenStopped();
    consumer.isStopping = true;
    if (link) this.#tell(consumer, link);
    else this.#stopped(consumer);
    return stopped;
  }

  #stopped(consumer: Consumer): void {
    consumer.stopped();
    this.#tidy(consumer);
  }

  #tell(consumer: Consumer, link: BusLink): void {
    const { isStopping } = consumer;
    say(this.#port, link, consumer.frame(this.#port.number()), (frame) => {
      // One that is to be stopped goes on being given messages then, and has to end them.
      if (frame.kind === BUS.failure)
        return this.#refused(consumer, errorOf(frame, consumer.queue));
      this.#unmade.get(consumer)?.resolve();
      this.#unmade.delete(consumer);
      if (isStopping) this.#stopped(consumer);
    });
  }

  /** The one who made it is told; later nobody waits for it any more, and it is tried again as long as there is a bus. */
  #refused(consumer: Consumer, error: Error): void {
    const unmade = this.#unmade.get(consumer);
    this.#unmade.delete(consumer);
    if (unmade) unmade.reject(error);
    if (unmade || this.#isGone) return this.#forget(consumer);
    this.#port.events.failed(error, { subject: consumer.queue, from: NOBODY, headers: {} });
    later(() => {
      const { link } = this.#port;
      if (link && this.#consumers.get(consumer.number) === consumer) this.#tell(consumer, link);
    });
  }

  /** A handler has ended. */
  #worked(consumer: Consumer, leased: Leased): void {
    if (this.#isInVain) this.#over(consumer, leased);
    else this.#settle(consumer, leased);
  }

  /** Nobody takes the end of what is at work, or it is not waited for: this process leaves. */
  get #isInVain(): boolean {
    return this.#isGone || (this.#isCutOff && !this.#isKept);
  }

  /** Tells the supervisor how it has ended, if it has; without a connection that is done with the next one. */
  #settle(consumer: Consumer, leased: Leased): void {
    const { link, events } = this.#port;
    if (leased.end === null || !link || consumer.has.get(leased.key) !== leased) return;
    leased.said += 1;
    say(this.#port, link, consumer.settling(this.#port.number(), leased), (frame) => {
      const about = { subject: consumer.queue, from: NOBODY, headers: {} };
      if (frame.kind === BUS.failure && leased.isInTime(Date.now())) {
        return later(() => this.#settle(consumer, leased));
      }
      this.#over(consumer, leased);
      if (frame.kind === BUS.failure) events.failed(errorOf(frame, consumer.queue), about);
      // What was said before may have been heard then.
      else if (frame.head?.stood === false && leased.said === 1) {
        const { id, attempt } = leased;
        const details = { queue: consumer.queue, id, attempt };
        events.failed(new HoldfastError("HF_BUS_QUEUE_LATE", details), about);
      }
    });
  }

  /** The supervisor may give what is at work to others; how it ends is said all the same, when there is one again. */
  #cancelAll(error: HoldfastError): void {
    for (const consumer of this.#consumers.values()) {
      for (const leased of consumer.has.values()) leased.cancel(error.message);
    }
    this.#dropEnds();
  }

  #dropEnds(): void {
    if (!this.#isInVain) return;
    for (const consumer of [...this.#consumers.values()]) {
      for (const leased of [...consumer.has.values()]) {
        if (leased.end !== null) this.#over(consumer, leased);
      }
    }
  }

  /** Nothing more is to be said of it. */
  #over(consumer: Consumer, leased: Leased): void {
    if (!consumer.has.delete(leased.key)) return;
    this.#leases -= 1;
    this.#port.keepAlive.release();
    this.#tidy(consumer);
    if (this.#leases > 0) return;
    for (const tell of this.#onIdle.splice(0)) tell();
  }

  /** Forgets one that has nothing and to which nothing more comes. */
  #tidy(consumer: Consumer): void {
    if (consumer.isStopped && consumer.has.size === 0) this.#forget(consumer);
  }

  #forget(consumer: Consumer): void {
    if (!this.#consumers.delete(consumer.number)) return;
    if (this.#isKept) this.#port.keepAlive.release();
    consumer.stopped();
  }
}

/** One process's place on the bus over all its connections: what it asked, what it is asked, and how it leaves. */

import { HoldfastError } from "../errors.ts";
import { BUS, type BusFrame, FETCHED, type Head } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import { encodeBody } from "./body.ts";
import { type BusTarget, Connection } from "./connection.ts";
import { Errand, type ErrandTerms } from "./errand.ts";
import { Events } from "./events.ts";
import { frameOf, headOrNull } from "./frames-out.ts";
import { KeepAlive } from "./keep-alive.ts";
import { Leaving } from "./leaving.ts";
import { Outbox } from "./outbox.ts";
import type { Part, PartPort } from "./part.ts";
import { Parts } from "./parts.ts";
import { Numbers, Pending } from "./pending.ts";
import { Question } from "./question.ts";
import { Subscriptions, type Wanted } from "./subscriptions.ts";
import type { Asking, Publishing } from "./terms.ts";
import { within } from "./within.ts";

export class Session implements PartPort {
  readonly events = new Events();
  readonly subscriptions: Subscriptions;
  readonly keepAlive: KeepAlive;
  readonly #connection: Connection;
  readonly outbox: Outbox;
  readonly pending: Pending;
  readonly #numbers = new Numbers();
  #phase: "open" | "closing" | "closed" = "open";
  #closing: Promise<void> | null = null;
  #isDraining = false;
  readonly #leaving = new Leaving();
  readonly #parts = new Parts();

  constructor(target: () => BusTarget) {
    this.keepAlive = new KeepAlive((isWanted) => this.#connection.keepAlive(isWanted));
    this.outbox = new Outbox(this.keepAlive, () => this.longestBody);
    this.pending = new Pending(this.keepAlive);
    this.subscriptions = new Subscriptions(this.keepAlive, this.events);
    this.#connection = new Connection(target, {
      up: (link) => this.#up(link),
      down: (reason, wasUp) => this.#down(reason, wasUp),
      unreachable: (error) => {
        this.outbox.fail(error);
        this.subscriptions.failUnmade(error);
        this.#parts.unreachable(error);
      },
      ended: (error) => {
        this.#fail(error);
        this.events.tell("down", `${error.message} This is for good.`);
      },
      frame: (frame, link) => this.#hear(frame, link),
      credit: (link) => this.outbox.flush(link),
    });
  }

  get link(): BusLink | null {
    return this.#connection.link;
  }

  get isHopeful(): boolean {
    return this.#connection.isHopeful;
  }

  get longestBody(): number {
    return this.#connection.longestBody;
  }

  /** Makes a part that hears frames of its own. */
  add<Made extends Part>(make: (port: PartPort) => Made): Made {
    const part = make(this);
    this.#parts.add(part);
    return part;
  }

  publish(subject: string, data: unknown, publishing: Publishing): Promise<void> {
    const link = this.use("publish");
    const { head, encoding = "json", isConfirmed } = publishing;
    const body = encodeBody(data, encoding, subject, this.longestBody);
    const number = isConfirmed ? this.number() : 0;
    const frame = frameOf(BUS.publish, number, subject, headOrNull(head), body);
    // Most go their way at once and have nothing to wait for.
    if (!isConfirmed && link && this.outbox.sendNow(frame, link)) return Promise.resolve();
    const action = `the publish on "${subject}"`;
    return this.run({ frame, subject, action, isConfirmed }, link).then(() => {});
  }

  /** Asks one, or all; `heard` and `reject` tell how it ends. Throws what is wrong with the call. */
  ask(subject: string, data: unknown, asking: Asking): void {
    const link = this.use("request");
    const { head, encoding = "json", signal, ...rest } = asking;
    if (signal?.aborted) throw signal.reason;
    const number = this.number();
    const body = encodeBody(data, encoding, subject, this.longestBody);
    const question = new Question(
      { ...rest, number, subject, body, head, signal, isIdempotent: head.idempotent === true },
      {
        ...{ heard: asking.heard, reject: asking.reject },
        await: (sent) => this.pending.add(number, sent),
        cancel: () => {
          this.pending.remove(number);
          this.link?.send(frameOf(BUS.cancel, number));
        },
        unreachable: () => this.#connection.whyNot(),
      },
    );
    this.outbox.post(question, link);
  }

  /** Resolves, when the supervisor has it, with what ends it. */
  async subscribe(wanted: Wanted): Promise<() => Promise<void>> {
    const link = this.useWhileOpen("subscribe");
    const number = this.number();
    await this.subscriptions.add(number, wanted, link);
    return () => this.subscriptions.remove(number, this.link);
  }

  async fetch(pattern: string, value: (frame: BusFrame) => void): Promise<void> {
    const link = this.use("state");
    const frame = frameOf(BUS.fetch, this.number(), pattern);
    const terms = { frame, subject: pattern, action: `reading the state of "${pattern}"`, value };
    await this.run({ ...terms, isConfirmed: true }, link);
  }

  async sync(): Promise<void> {
    const link = this.use("flush");
    const frame = frameOf(BUS.sync, this.number());
    await this.run({ frame, subject: "flush", action: "the flush", isConfirmed: true }, link);
  }

  async opened(signal?: AbortSignal): Promise<void> {
    this.keepAlive.hold();
    try {
      await this.#connection.opened(signal);
    } finally {
      this.keepAlive.release();
    }
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    this.subscriptions.letGo();
    await this.#endWork();
    // What was answered and published is with the supervisor; without one there is nobody to tell.
    if (this.link) await this.sync().catch(() => {});
  }

  close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#phase = "closing";
    this.#isDraining = true;
    this.subscriptions.turnAway();
    this.subscriptions.letGo();
    if (this.#connection.isHopeful) await within(timeoutMs, this.#finish());
    this.#phase = "closed";
    const error = closed("answer");
    // Until all is written and the supervisor has been left.
    this.keepAlive.hold();
    this.subscriptions.cancelAll("the bus is closed");
    this.#fail(error);
    await this.#connection.close(error);
    this.keepAlive.release();
  }

  /** Handlers may ask and publish while they end; then only what is under way is waited for. */
  async #finish(): Promise<void> {
    await this.#endWork();
    await this.keepAlive.whenReleased();
  }

  /** Resolves when nothing more is shared out to this process, and what it had of it is done. */
  async #endWork(): Promise<void> {
    const parts = this.#parts.drain(this.#phase === "closing");
    await this.#leaving.ask(this.link);
    await Promise.all([this.subscriptions.whenIdle(), parts]);
  }

  use(what: string): BusLink | null {
    if (this.#phase === "closed") throw closed(what);
    return this.#connection.open();
  }

  useWhileOpen(what: string): BusLink | null {
    if (this.#phase === "closing") throw closed(what);
    return this.use(what);
  }

  number(): number {
    const holders = [this.pending, this.subscriptions, this.#parts];
    return this.#numbers.next((number) => holders.some((holder) => holder.has(number)));
  }

  run(terms: ErrandTerms, link: BusLink | null): Promise<Head | null> {
    const errand = new Errand(terms, this.pending);
    this.outbox.post(errand, link);
    return errand.done;
  }

  #up(link: BusLink): void {
    if (this.#isDraining) link.send(frameOf(BUS.leave, 0));
    this.subscriptions.up(link);
    this.#parts.up(link);
    this.outbox.flush(link);
    this.events.tell("up");
  }

  #down(reason: string, wasUp: boolean): void {
    this.#leaving.done();
    this.subscriptions.down();
    this.#parts.down();
    // Between the two it is nobody's, and the process is to stay for it.
    this.keepAlive.hold();
    this.outbox.putBack(this.pending.lost());
    this.keepAlive.release();
    if (wasUp) this.events.tell("down", reason);
  }

  /** There is no bus for this process any more. */
  #fail(error: HoldfastError): void {
    this.#leaving.done();
    const parts = [this.outbox, this.pending, this.subscriptions, this.#parts];
    for (const part of parts) part.fail(error);
  }

  #hear(frame: BusFrame, link: BusLink): void {
    switch (frame.kind) {
      case BUS.publish:
        if (frame.to !== FETCHED) return this.subscriptions.deliver(frame, link);
        this.pending.heard(frame);
        return link.worked(frame.bytes);
      case BUS.request:
        return this.subscriptions.ask(frame, link);
      case BUS.cancel:
        return this.subscriptions.cancel(frame.id);
    }
    if (this.#parts.hear(frame, link)) return;
    if (frame.kind === BUS.done && frame.id === 0) return this.#leaving.done();
    if (!this.pending.heard(frame)) this.subscriptions.answered(frame);
  }
}

function closed(action: string): HoldfastError {
  return new HoldfastError("HF_BUS_CLOSED", { action });
}

/** Frames of clients, and what becomes of them: between the connections and the exchange. */

import type { BusCounts } from "../../core/bus/counts.ts";
import { Exchange, type Member, type MemberState } from "../../core/bus/exchange.ts";
import { subjectFault } from "../../core/bus/subjects.ts";
import { BUS, type BusFrame, packHead } from "../../link/bus-frames.ts";
import type { Client } from "./client.ts";
import { Due } from "./due.ts";
import {
  headersOf,
  holdOf,
  keyOf,
  publishFault,
  readSubscribe,
  thrownOf,
  timeoutOf,
} from "./heads.ts";
import { LastValues } from "./last-values.ts";
import { Account, bytesOf, own, type Parcel } from "./parcel.ts";
import { type Answered, type Asked, type Failed, failureHead, Post } from "./post.ts";

/** Subscriptions of one member. */
const SUBSCRIPTIONS_MAX = 10_000;
/** What the supervisor adds to the head of a request, generously. */
const HEAD_BYTES = 512;

export interface RouterPort {
  turned(client: Client, state: MemberState): void;
  /** A fault of ours: the bus goes on. */
  bug(what: string, error: unknown): void;
}

export class Router {
  readonly clients = new Map<number, Client>();
  readonly lastValues = new LastValues();
  readonly #exchange = new Exchange();
  readonly #counts: BusCounts;
  readonly #post: Post;
  readonly #due: Due;
  readonly #account = new Account();
  readonly #port: RouterPort;

  constructor(counts: BusCounts, port: RouterPort) {
    this.#counts = counts;
    this.#port = port;
    this.#due = new Due(this.#exchange, (now) => this.#expire(now));
    this.#post = new Post({
      ...{ exchange: this.#exchange, clients: this.clients, counts },
      deliver: (member, to, parcel) => void this.#deliver(member, to, parcel),
      bug: port.bug,
    });
  }

  get sizes() {
    return this.#exchange.sizes();
  }

  /** A member is there; `client` null: the supervisor itself. */
  join(member: Member, state: MemberState, client: Client | null): void {
    this.#exchange.join(member, state);
    if (client) {
      client.state = state;
      this.clients.set(member.id, client);
    }
    this.#counts.members = this.clients.size;
  }

  turn(client: Client, state: MemberState): void {
    const wanted = client.isLeaving && state !== "hung" ? "draining" : state;
    client.state = wanted;
    this.#post.carryOut(this.#exchange.turn(client.id, wanted, performance.now()));
    this.#port.turned(client, wanted);
  }

  /** The member is gone, whether its connection is or not. */
  leave(client: Client): void {
    if (this.clients.get(client.id) !== client) return;
    this.clients.delete(client.id);
    this.#counts.members = this.clients.size;
    client.outbox.clear();
    const now = performance.now();
    this.#post.carryOut(this.#exchange.leave(client.id, now, this.#isFullToAsk));
  }

  worked(client: Client, to: number): void {
    this.#exchange.worked(client.id, to);
  }

  /** Sends it to all it concerns; its head says who published it. False: somebody refuses more. */
  publish(parcel: Parcel, key?: string): { found: boolean; isTaken: boolean } {
    const { subject } = parcel;
    const targets = this.#exchange.publish(subject, key, this.#isFull, bytesOf(parcel));
    let isTaken = true;
    for (const { member, to } of targets) isTaken = this.#deliver(member, to, parcel) && isTaken;
    return { found: targets.length > 0, isTaken };
  }

  close(): void {
    this.#due.close();
  }

  hear(client: Client, frame: BusFrame): void {
    switch (frame.kind) {
      case BUS.publish:
        return this.#heardPublish(client, frame);
      case BUS.request:
        return this.#request(client, frame);
      case BUS.reply:
      case BUS.failure:
        return this.#answered(client, frame);
      case BUS.cancel:
        client.release(frame.id);
        return this.#post.carryOut(this.#exchange.cancel(client.id, frame.id));
      case BUS.subscribe:
        return this.#subscribe(client, frame);
      case BUS.unsubscribe:
        this.#exchange.unsubscribe(client.id, frame.id);
        client.outbox.close(frame.id);
        return void client.send(BUS.done, frame.id);
      case BUS.leave:
        client.isLeaving = true;
        this.turn(client, "draining");
        return void client.send(BUS.done, 0);
      case BUS.sync:
        return void client.send(BUS.done, frame.id);
      case BUS.fetch:
        return this.#fetch(client, frame);
      case BUS.hello:
        return client.link.destroy("it said hello twice");
    }
  }

  #heardPublish(client: Client, frame: BusFrame): void {
    const take = () => this.#take(client, frame);
    const fault = this.#account.during(client.link, frame.bytes, take);
    if (frame.id === 0) return;
    if (fault) client.send(BUS.failure, frame.id, failureHead(fault));
    else client.send(BUS.done, frame.id);
  }

  /** Null where it was taken. */
  #take(client: Client, frame: BusFrame): Failed | null {
    const { subject, format, head, body } = frame;
    this.#counts.messages.publish += 1;
    const fault = publishFault(subject);
    if (fault !== null) return this.#refused("invalid", "SUBJECT_INVALID", fault);
    const headers = headersOf(head);
    const told = headers ? packHead({ headers, from: this.#post.sender(client.id) }) : client.from;
    const parcel: Parcel = { subject, format, head: told, body, isOwned: false };
    if (head?.retain === true && !this.lastValues.set(parcel)) {
      return this.#refused("retained", "OVERLOADED", "too much is retained already");
    }
    const { found, isTaken } = this.publish(parcel, keyOf(head));
    if (!isTaken)
      return { code: "OVERLOADED", message: "a subscriber has too much waiting already" };
    const holdMs = holdOf(head);
    if (found || holdMs === 0) return null;
    own(parcel);
    const until = performance.now() + holdMs;
    const isHeld = this.#exchange.hold(subject, until, parcel, bytesOf(parcel));
    this.#due.look();
    return isHeld ? null : this.#refused("held", "OVERLOADED", "too much is held already");
  }

  #refused(why: "invalid" | "retained" | "held", code: Failed["code"], message: string): Failed {
    this.#counts.dropped[why] += 1;
    return { code, message };
  }

  #request(client: Client, { id, subject, format, head, body, bytes }: BusFrame): void {
    const now = performance.now();
    this.#counts.messages.request += 1;
    const fault = subjectFault(subject);
    if (fault !== null) {
      client.link.worked(bytes);
      this.#counts.dropped.invalid += 1;
      const failed = failureHead({ code: "SUBJECT_INVALID", message: fault });
      return void client.send(BUS.failure, id, failed);
    }
    const idempotent = head?.idempotent === true;
    const hold = head?.hold === true;
    const isKept = idempotent || hold;
    const headers = headersOf(head);
    const asked: Asked = { format, body: isKept ? Buffer.from(body) : body, headers };
    const key = keyOf(head);
    if (isKept) client.keep(id, bytes);
    const outcomes = this.#exchange.request(
      {
        ...{ from: client.id, id, subject, deadline: now + timeoutOf(head) },
        ...{ idempotent, hold, all: head?.all === true, payload: asked, bytes },
        ...(key === undefined ? {} : { key }),
      },
      now,
      this.#isFullToAsk,
    );
    this.#post.carryOut(outcomes);
    if (!isKept) client.link.worked(bytes);
    this.#due.look();
  }

  #answered(client: Client, { kind, id, format, head, body }: BusFrame): void {
    this.#counts.messages.reply += 1;
    const answer: Answered =
      kind === BUS.reply
        ? { kind: "reply", format, body }
        : { kind: "thrown", error: thrownOf(head) };
    this.#post.carryOut(this.#exchange.reply(client.id, id, answer));
  }

  #subscribe(client: Client, frame: BusFrame): void {
    const read = readSubscribe(client.id, frame);
    const failed: Failed | null =
      typeof read === "string"
        ? { code: "SUBJECT_INVALID", message: read }
        : client.outbox.size >= SUBSCRIPTIONS_MAX
          ? { code: "OVERLOADED", message: `it has ${SUBSCRIPTIONS_MAX} subscriptions already` }
          : null;
    if (typeof read === "string" || failed) {
      return void client.send(BUS.failure, frame.id, failed && failureHead(failed));
    }
    client.outbox.open(read.subscription, read.policy, read.maxBytes);
    client.send(BUS.done, frame.id);
    this.#post.carryOut(this.#exchange.subscribe(read.subscription, performance.now()));
  }

  #fetch(client: Client, { id, subject }: BusFrame): void {
    if (client.outbox.answer(id, this.lastValues.match(subject))) return;
    const message = "too many questions for retained values are open";
    client.send(BUS.failure, id, failureHead({ code: "OVERLOADED", message }));
  }

  #deliver(member: number, to: number, parcel: Parcel): boolean {
    const client = this.clients.get(member);
    return client ? client.outbox.deliver(to, parcel, this.#account.withhold) : true;
  }

  #expire(now: number): void {
    const { lapsed } = this.#exchange.sizes();
    this.#post.carryOut(this.#exchange.expire(now));
    this.#counts.dropped.lapsed += this.#exchange.sizes().lapsed - lapsed;
  }

  readonly #isFull = (member: number, bytes: number): boolean =>
    this.clients.get(member)?.isFull(bytes) ?? false;

  readonly #isFullToAsk = (member: number, bytes: number): boolean =>
    this.#isFull(member, bytes + HEAD_BYTES);
}

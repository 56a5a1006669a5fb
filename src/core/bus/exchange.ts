/**
 * The exchange of the bus: who gets what is published, who works on a request, who is told when something is lost or
 * late. No I/O and no clock: `now` is in ms on the caller's clock; payloads are passed on unseen. What a call returns
 * is to be sent in that order. Numbers that are not known (a member that is gone, an exchange that is over) are no
 * errors: news cross on the way, and late ones change nothing.
 */
import { Deadlines } from "./deadlines.ts";
import { nobody, seatForPublish } from "./groups.ts";
import { Held, type HeldPublish, type Waiting } from "./held.ts";
import {
  countDelivery,
  countWorked,
  newSeat,
  newStanding,
  type Seat,
  type Standing,
  targetOf,
} from "./members.ts";
import { Requests } from "./requests.ts";
import { Routes } from "./routes.ts";
import type {
  Ask,
  ExchangeLimits,
  ExchangeSizes,
  IsFull,
  Member,
  MemberState,
  Outcome,
  Subscription,
  Target,
} from "./terms.ts";

export type * from "./terms.ts";

const MOST_HELD = 1_000;
const MOST_HELD_BYTES = 16 * 1024 * 1024;
const MOST_EXCHANGES = 100_000;
const NOTHING: readonly Outcome[] = [];

/** See the head of the file. */
export class Exchange {
  readonly #members = new Map<number, Standing>();
  readonly #routes = new Routes();
  readonly #deadlines = new Deadlines<Waiting>();
  readonly #held: Held;
  readonly #requests: Requests;
  #lapsed = 0;

  constructor(limits: ExchangeLimits = {}) {
    this.#held = new Held(limits.held ?? MOST_HELD, limits.heldBytes ?? MOST_HELD_BYTES);
    const shared = {
      members: this.#members,
      routes: this.#routes,
      held: this.#held,
      deadlines: this.#deadlines,
    };
    this.#requests = new Requests(shared, limits.exchanges ?? MOST_EXCHANGES);
  }

  /** A member comes; its id has never been used before. */
  join(member: Member, state: MemberState): void {
    this.#members.set(member.id, newStanding(member, state));
  }

  /** A member's state changes. What it works on goes on; one that is ready now gets what was held for it. */
  turn(member: number, state: MemberState, now: number): readonly Outcome[] {
    const standing = this.#members.get(member);
    if (standing === undefined || standing.state === state) return NOTHING;
    standing.state = state;
    this.#routes.changed();
    if (state !== "ready" || this.#held.size === 0) return NOTHING;
    const out: Outcome[] = [];
    for (const seat of standing.seats.values()) this.#release(seat, now, out);
    return out;
  }

  /**
   * A member is gone: what it asked is cancelled, what it worked on fails with WORKER_LOST at once, or goes to
   * another one that is not full where it is idempotent and was not lost before.
   */
  leave(member: number, now: number, isFull: IsFull = nobody): readonly Outcome[] {
    const standing = this.#members.get(member);
    if (standing === undefined) return NOTHING;
    const out: Outcome[] = [];
    this.#members.delete(member);
    for (const seat of standing.seats.values()) this.#routes.remove(seat);
    for (const request of standing.asked.values()) this.#requests.cancel(request, out);
    for (const work of standing.works.values()) this.#requests.lose(work, now, isFull, out);
    return out;
  }

  /** One with the same number is replaced. What was held for it goes to it, in the order it came. */
  subscribe(subscription: Subscription, now: number): readonly Outcome[] {
    const standing = this.#members.get(subscription.member);
    if (standing === undefined) return NOTHING;
    this.unsubscribe(subscription.member, subscription.number);
    const seat = newSeat(standing, subscription);
    standing.seats.set(subscription.number, seat);
    this.#routes.add(seat);
    if (this.#held.size === 0) return NOTHING;
    const out: Outcome[] = [];
    this.#release(seat, now, out);
    return out;
  }

  /** What the member works on because of it may still be answered. */
  unsubscribe(member: number, number: number): void {
    const standing = this.#members.get(member);
    const seat = standing?.seats.get(number);
    if (standing === undefined || seat === undefined) return;
    standing.seats.delete(number);
    countWorked(seat, seat.deliveries);
    this.#routes.remove(seat);
  }

  /**
   * Who gets a message, the sender among them: every member that listens to the subject, and one ready member of
   * each queue (by the queue's name, whatever pattern brought a member into it), one that is not full if there is
   * one. Each delivery to a queue counts as under way until `worked`. The list may be used again: not to be changed.
   */
  publish(subject: string, key: string | undefined, isFull: IsFull, bytes = 0): readonly Target[] {
    const { everyone, groups } = this.#routes.listeners(subject);
    if (groups.length === 0) return everyone;
    const targets = everyone.slice();
    for (const group of groups) {
      const seat = seatForPublish(group, key, isFull, bytes);
      countDelivery(seat);
      targets.push(seat.target);
    }
    return targets;
  }

  /** One delivery to a queue (`to` > 0) is worked off or was dropped. */
  worked(member: number, to: number): void {
    const seat = this.#members.get(member)?.seats.get(to);
    if (seat !== undefined) countWorked(seat, 1);
  }

  /**
   * `publish` found nobody: keeps the message until `until` (ms) for the first one that listens, which gets it alone.
   * `bytes`: what it weighs against the limit. False: too much is held.
   */
  hold(subject: string, until: number, payload: unknown, bytes = 0): boolean {
    const due = { deadline: until, place: -1 };
    const message: HeldPublish = { kind: "publish", subject, payload, bytes, ...due };
    if (!this.#held.keep(message)) return false;
    this.#deadlines.add(message);
    return true;
  }

  /** Goes to one ready member that replies and is not full, or to all of a gather; each request is answered once. */
  request(ask: Ask, now: number, isFull: IsFull): readonly Outcome[] {
    const asker = this.#members.get(ask.from);
    if (asker === undefined) return NOTHING;
    const out: Outcome[] = [];
    const last = asker.asked.get(ask.id);
    if (last !== undefined) this.#requests.cancel(last, out);
    this.#requests.begin(asker, ask, now, isFull, out);
    return out;
  }

  /** A member has answered, or its handler failed: the payload says which. */
  reply(member: number, exchange: number, payload: unknown): readonly Outcome[] {
    const out: Outcome[] = [];
    this.#requests.answered(member, exchange, payload, out);
    return out;
  }

  /** The sender of a request wants it no more: it gets nothing more, whoever works on it is told. */
  cancel(from: number, id: number): readonly Outcome[] {
    const request = this.#members.get(from)?.asked.get(id);
    if (request === undefined) return NOTHING;
    const out: Outcome[] = [];
    this.#requests.cancel(request, out);
    return out;
  }

  /** Ends all whose deadline is `now` or was before. */
  expire(now: number): readonly Outcome[] {
    const out: Outcome[] = [];
    for (;;) {
      const due = this.#deadlines.first();
      if (due === undefined || due.deadline > now) return out;
      if (due.kind === "request") this.#requests.expire(due, out);
      else if (this.#take(due)) this.#lapsed += 1;
    }
  }

  /** When `expire` is to be called, in ms; null: nothing waits. */
  nextDeadline(): number | null {
    return this.#deadlines.first()?.deadline ?? null;
  }

  /** Requests their senders have given up, from the start; of a gather each member counts. */
  get cancelled(): number {
    return this.#requests.cancelled;
  }

  senderOf(member: number): Member | undefined {
    return this.#members.get(member)?.member;
  }

  sizes(): ExchangeSizes {
    return {
      members: this.#members.size,
      subscriptions: this.#routes.size,
      requests: this.#requests.open,
      exchanges: this.#requests.working,
      held: this.#held.size,
      heldBytes: this.#held.bytes,
      deadlines: this.#deadlines.size,
      cached: this.#routes.cached,
      lapsed: this.#lapsed,
    };
  }

  #release(seat: Seat, now: number, out: Outcome[]): void {
    const { kind, pattern, queue } = seat.subscription;
    const isReady = seat.standing.state === "ready";
    if (!isReady && (kind === "reply" || queue !== null)) return;
    const wanted = kind === "listen" ? "publish" : "request";
    for (const waiting of this.#held.matching(wanted, pattern, now)) {
      if (waiting.kind === "request") {
        this.#held.remove(waiting);
        this.#requests.route(waiting, nobody, out);
      } else if (this.#take(waiting)) {
        if (queue !== null) countDelivery(seat);
        out.push({ kind: "held", ...targetOf(seat), payload: waiting.payload });
      }
    }
  }

  #take(message: HeldPublish): boolean {
    this.#deadlines.remove(message);
    return this.#held.remove(message);
  }
}

/**
 * A naive exchange that watches a real one: it knows from lists and searches alone what must come of each call, and
 * fails where something else comes, or something is sent to who may not get it, or twice.
 */
import { expect } from "vitest";
import {
  type Ask,
  Exchange,
  type IsFull,
  type Member,
  type MemberState,
  type Outcome,
  type Subscription,
} from "../../../src/core/bus/exchange.ts";

/** How many messages may be held: few, so that the limit is met. */
const MOST_HELD = 3;

interface Present {
  readonly member: Member;
  state: MemberState;
  readonly subscriptions: Map<number, Subscription>;
}

interface Open {
  readonly ask: Ask;
  /** Who works on it, by exchange. */
  readonly working: Map<number, number>;
  /** Of a gather: who was there when it was sent. */
  expected: readonly number[];
  readonly done: number[];
  isHeld: boolean;
  lost: number | null;
}

interface Kept {
  readonly message: Sent;
  readonly until: number;
}

/** A publish, as it is told apart from all others. */
interface Sent {
  readonly from: number;
  readonly subject: string;
  readonly sequence: number;
}

type Waiting = { readonly open: Open } | { readonly kept: Kept };

function fits(pattern: string, subject: string): boolean {
  const source = pattern.replaceAll(".", "\\.").replaceAll("*", "[^.]+").replace(">", ".+");
  return new RegExp(`^${source}$`).test(subject);
}

/** Drives an exchange; see the head of the file. */
export class NaiveExchange {
  readonly exchange = new Exchange({ held: MOST_HELD });
  readonly #present = new Map<number, Present>();
  readonly #open: Open[] = [];
  #waiting: Waiting[] = [];
  readonly #full = new Set<number>();
  readonly #seen: number[] = [];
  /** The last sequence of a sender that came to a member (and its subscription, of a queue) under a subject. */
  readonly #last = new Map<string, number>();
  #sequence = 0;
  #now = 0;
  /** How often each thing happened: a run in which nothing happens proves nothing. */
  readonly counts = new Map<string, number>();

  readonly #isFull: IsFull = (member) => this.#full.has(member);

  join(id: number, state: MemberState): void {
    if (this.#present.has(id)) return;
    const member = { id, app: "web", slot: id, worker: id, name: null };
    this.exchange.join(member, state);
    this.#present.set(id, { member, state, subscriptions: new Map() });
    this.#check();
  }

  turn(id: number, state: MemberState): void {
    const outcomes = [...this.exchange.turn(id, state, this.#now)];
    const present = this.#present.get(id);
    const isNew = present !== undefined && present.state !== state;
    if (present !== undefined) present.state = state;
    if (isNew && state === "ready") {
      for (const one of present.subscriptions.values()) this.#released(one, outcomes);
    }
    this.#nothingMore(outcomes);
  }

  subscribe(subscription: Subscription): void {
    const outcomes = [...this.exchange.subscribe(subscription, this.#now)];
    const subscriptions = this.#present.get(subscription.member)?.subscriptions;
    if (subscriptions !== undefined) {
      subscriptions.delete(subscription.number);
      subscriptions.set(subscription.number, subscription);
      this.#released(subscription, outcomes);
    }
    this.#nothingMore(outcomes);
  }

  unsubscribe(member: number, number: number): void {
    this.exchange.unsubscribe(member, number);
    this.#present.get(member)?.subscriptions.delete(number);
    this.#check();
  }

  /** A member has no room, or has room again. */
  fill(member: number, isFull: boolean): void {
    if (isFull) this.#full.add(member);
    else this.#full.delete(member);
  }

  worked(member: number, to: number): void {
    this.exchange.worked(member, to);
    this.#check();
  }

  publish(from: number, subject: string, key: string | undefined, holdMs: number | null): void {
    this.#sequence += 1;
    const message = { from, subject, sequence: this.#sequence };
    const targets = this.exchange.publish(subject, key, this.#isFull);
    const fitting = this.#subscriptions("listen", subject);
    const everyone = new Set(fitting.filter((one) => one.queue === null).map((one) => one.member));
    const ready = fitting.filter((one) => this.#isReady(one.member));
    const queues = new Set(ready.flatMap((one) => one.queue ?? []));
    const toAll = targets.filter((target) => target.to === 0).map((target) => target.member);
    expect(toAll.toSorted()).toEqual([...everyone].sort());
    expect(targets).toHaveLength(everyone.size + queues.size);
    const chosen = targets.filter((target) => target.to > 0);
    for (const queue of queues) {
      const group = ready.filter((one) => one.queue === queue);
      const mine = chosen.filter(({ member, to }) =>
        group.some((one) => one.member === member && one.number === to),
      );
      expect(mine).toHaveLength(1);
      const isKeyed = key !== undefined && group.some((one) => one.by === "key");
      const hasRoom = group.some((one) => !this.#full.has(one.member));
      if (hasRoom && !isKeyed) expect(this.#full.has(mine[0]?.member ?? -1)).toBe(false);
    }
    for (const target of targets) this.#delivered(target.member, target.to, message);
    this.#count("published", targets.length);
    if (targets.length === 0 && holdMs !== null) this.#hold(message, this.#now + holdMs);
    this.#check();
  }

  request(ask: Omit<Ask, "deadline" | "payload">, timeoutMs: number): void {
    this.#sequence += 1;
    const full = { ...ask, deadline: this.#now + timeoutMs, payload: this.#sequence };
    const outcomes = [...this.exchange.request(full, this.#now, this.#isFull)];
    if (this.#present.has(ask.from)) {
      this.#dropped(ask.from, ask.id, outcomes);
      const open: Open = {
        ...{ ask: full, working: new Map(), expected: [], done: [] },
        ...{ isHeld: false, lost: null },
      };
      this.#open.push(open);
      if (timeoutMs <= 0) this.#failed(open, "TIMEOUT", null, outcomes);
      else this.#routed(open, this.#isFull, outcomes);
    }
    this.#nothingMore(outcomes);
  }

  /** A reply to an exchange that was seen once: it may be over, and `isOther` may not work on it. */
  reply(which: number, isOther: boolean): void {
    const number = this.#seen[which % Math.max(1, this.#seen.length)];
    if (number === undefined) return;
    const open = this.#open.find((one) => one.working.has(number));
    const worker = open?.working.get(number) ?? 1;
    const from = isOther ? worker + 1 : worker;
    this.#sequence += 1;
    const payload = this.#sequence;
    const outcomes = [...this.exchange.reply(from, number, payload)];
    if (open !== undefined && !isOther) {
      const sender = this.#present.get(worker)?.member;
      const { from: member, id } = open.ask;
      expect(outcomes.shift()).toEqual({ kind: "answer", member, id, from: sender, payload });
      this.#count("answer");
      this.#doneBy(open, number, outcomes);
    }
    this.#nothingMore(outcomes);
  }

  cancel(from: number, id: number): void {
    const outcomes = [...this.exchange.cancel(from, id)];
    this.#dropped(from, id, outcomes);
    this.#nothingMore(outcomes);
  }

  leave(id: number): void {
    const outcomes = [...this.exchange.leave(id, this.#now, this.#isFull)];
    const isThere = this.#present.delete(id);
    if (isThere) {
      for (const open of this.#open.filter((one) => one.ask.from === id)) {
        this.#dropped(id, open.ask.id, outcomes);
      }
      const lost = this.#open.flatMap((open) =>
        [...open.working]
          .filter(([, worker]) => worker === id)
          .map(([number]) => ({ open, number })),
      );
      lost.sort((one, other) => one.number - other.number);
      for (const { open, number } of lost) this.#lost(open, number, id, outcomes);
    }
    this.#nothingMore(outcomes);
  }

  /** Time passes, and what is due ends. */
  pass(ms: number): void {
    this.#now += ms;
    const outcomes = this.exchange.expire(this.#now);
    const due = this.#open.filter((open) => open.ask.deadline <= this.#now);
    const count = due.map((open) => this.#expired(open, outcomes));
    expect(outcomes).toHaveLength(count.reduce((sum, one) => sum + one, 0));
    this.#waiting = this.#waiting.filter((one) => "open" in one || one.kept.until > this.#now);
    this.#check();
  }

  /** All deadlines come, then all leave: nothing is open, nothing is kept. */
  end(): void {
    this.pass(1_000_000);
    expect(this.#open).toEqual([]);
    for (const id of [...this.#present.keys()]) this.leave(id);
    const { lapsed: _, ...kept } = this.exchange.sizes();
    expect(Object.entries(kept).filter(([, size]) => size > 0)).toEqual([]);
    expect(this.exchange.nextDeadline()).toBeNull();
  }

  #isReady(member: number): boolean {
    return this.#present.get(member)?.state === "ready";
  }

  #subscriptions(kind: Subscription["kind"], subject: string): Subscription[] {
    return [...this.#present.values()]
      .flatMap((present) => [...present.subscriptions.values()])
      .filter((one) => one.kind === kind && fits(one.pattern, subject));
  }

  #responders(subject: string): number[] {
    const replying = this.#subscriptions("reply", subject).map((one) => one.member);
    return [...new Set(replying)].filter((member) => this.#isReady(member));
  }

  #delivered(member: number, to: number, { from, subject, sequence }: Sent): void {
    expect(this.#present.has(member)).toBe(true);
    const flow = `${member} ${to} ${from} ${subject}`;
    expect(sequence).toBeGreaterThan(this.#last.get(flow) ?? 0);
    this.#last.set(flow, sequence);
  }

  #hold(message: Sent, until: number): void {
    const isRoom = this.#waiting.length < MOST_HELD;
    expect(this.exchange.hold(message.subject, until, message)).toBe(isRoom);
    if (isRoom) this.#waiting.push({ kept: { message, until } });
    this.#count(isRoom ? "hold" : "no room");
  }

  /** What waited for a subscription has left to it, in its order. */
  #released(subscription: Subscription, outcomes: Outcome[]): void {
    const { member, number, kind, queue, pattern } = subscription;
    if ((kind === "reply" || queue !== null) && !this.#isReady(member)) return;
    for (const waiting of [...this.#waiting]) {
      if ("kept" in waiting) {
        const { message } = waiting.kept;
        if (kind !== "listen" || !fits(pattern, message.subject)) continue;
        if (waiting.kept.until <= this.#now) continue;
        const to = queue === null ? 0 : number;
        expect(outcomes.shift()).toEqual({ kind: "held", member, to, payload: message });
        this.#delivered(member, to, message);
        this.#count("held");
      } else {
        const { open } = waiting;
        if (kind !== "reply" || !fits(pattern, open.ask.subject)) continue;
        expect(this.#responders(open.ask.subject)).toEqual([member]);
        open.isHeld = false;
        this.#routed(open, () => false, outcomes);
        this.#count("held request");
      }
      this.#waiting = this.#waiting.filter((one) => one !== waiting);
    }
  }

  #routed(open: Open, isFull: IsFull, outcomes: Outcome[]): void {
    const { ask } = open;
    const there = this.#responders(ask.subject);
    const free = there.filter((member) => !isFull(member, 0));
    if (there.length === 0) {
      this.#nobody(open, outcomes);
    } else if (ask.all) {
      open.expected = there;
      for (const _ of there) this.#gatherSent(open, free, outcomes);
      expect([...open.done, ...open.working.values()].toSorted()).toEqual(there.toSorted());
      if (free.length === 0) this.#gathered(open, [], outcomes);
    } else if (free.length === 0) {
      this.#failed(open, open.lost === null ? "OVERLOADED" : "WORKER_LOST", open.lost, outcomes);
    } else {
      this.#asked(open, free, outcomes.shift());
    }
  }

  #nobody(open: Open, outcomes: Outcome[]): void {
    const { ask, lost } = open;
    if (ask.hold && this.#waiting.length < MOST_HELD) {
      open.isHeld = true;
      this.#waiting.push({ open });
      this.#count("hold");
    } else if (lost !== null) this.#failed(open, "WORKER_LOST", lost, outcomes);
    else if (ask.hold) this.#failed(open, "OVERLOADED", null, outcomes);
    else if (ask.all) this.#gathered(open, [], outcomes);
    else this.#failed(open, "NO_RESPONDERS", null, outcomes);
  }

  #gatherSent(open: Open, free: readonly number[], outcomes: Outcome[]): void {
    const outcome = outcomes.shift();
    if (outcome?.kind !== "failed") {
      this.#asked(open, free, outcome);
      return;
    }
    const { from: member, id } = open.ask;
    expect(outcome).toMatchObject({ member, id, code: "OVERLOADED", isLast: false });
    expect(free).not.toContain(outcome.from?.id);
    open.done.push(outcome.from?.id ?? -1);
    this.#count("gather overloaded");
  }

  #asked(open: Open, free: readonly number[], outcome: Outcome | undefined): void {
    const { from, subject, deadline, payload } = open.ask;
    const attempt = open.lost === null ? 1 : 2;
    expect(outcome).toMatchObject({ kind: "ask", from, subject, deadline, payload, attempt });
    if (outcome?.kind !== "ask") return;
    const { member, to, exchange } = outcome;
    expect(free).toContain(member);
    const mine = this.#subscriptions("reply", subject).filter((one) => one.member === member);
    expect(mine.map((one) => one.number)).toContain(to);
    expect(this.#seen).not.toContain(exchange);
    this.#seen.push(exchange);
    open.working.set(exchange, member);
    this.#count(attempt === 1 ? "ask" : "ask again");
  }

  #doneBy(open: Open, number: number, outcomes: Outcome[]): void {
    open.done.push(open.working.get(number) ?? -1);
    open.working.delete(number);
    if (!open.ask.all) this.#close(open);
    else if (open.working.size === 0) this.#gathered(open, [], outcomes);
  }

  #lost(open: Open, number: number, worker: number, outcomes: Outcome[]): void {
    const { ask } = open;
    const { from: member, id } = ask;
    this.#count("lost");
    if (ask.all) {
      expect(outcomes.shift()).toMatchObject({
        ...{ kind: "failed", member, id, code: "WORKER_LOST", isLast: false },
        from: { id: worker },
      });
      this.#doneBy(open, number, outcomes);
      return;
    }
    open.working.delete(number);
    const mayRetry = ask.idempotent === true && open.lost === null && ask.deadline > this.#now;
    open.lost = worker;
    if (mayRetry) this.#routed(open, this.#isFull, outcomes);
    else this.#failed(open, "WORKER_LOST", worker, outcomes);
  }

  /** All of a request that its deadline ended; how many outcomes that is. */
  #expired(open: Open, outcomes: readonly Outcome[]): number {
    const { from: member, id, all } = open.ask;
    const mine = outcomes.filter((outcome) =>
      outcome.kind === "cancel"
        ? open.working.get(outcome.exchange) === outcome.member
        : outcome.kind !== "ask" &&
          outcome.kind !== "held" &&
          outcome.id === id &&
          outcome.member === member,
    );
    const rest = [...mine];
    const workers = [...open.working.values()];
    this.#cancelled(open, rest);
    if (all) this.#gathered(open, workers, rest);
    else if (workers.length > 0) this.#failed(open, "TIMEOUT", workers[0] as number, rest);
    else if (open.lost !== null) this.#failed(open, "WORKER_LOST", open.lost, rest);
    else this.#failed(open, "NO_RESPONDERS", null, rest);
    expect(rest).toEqual([]);
    return mine.length;
  }

  /** A request nobody waits for any more: only its workers hear of it. */
  #dropped(from: number, id: number, outcomes: Outcome[]): void {
    const open = this.#open.find((one) => one.ask.from === from && one.ask.id === id);
    if (open === undefined) return;
    this.#cancelled(open, outcomes);
    this.#close(open);
    this.#count("cancelled");
  }

  #cancelled(open: Open, outcomes: Outcome[]): void {
    for (const [exchange, member] of [...open.working]) {
      if (this.#present.has(member)) {
        expect(outcomes.shift()).toEqual({ kind: "cancel", member, exchange });
      }
      open.working.delete(exchange);
    }
  }

  #failed(open: Open, code: string, from: number | null, outcomes: Outcome[]): void {
    const { from: member, id } = open.ask;
    const outcome = outcomes.shift();
    expect(outcome).toMatchObject({ kind: "failed", member, id, code, isLast: true });
    expect(outcome?.kind === "failed" ? (outcome.from?.id ?? null) : undefined).toBe(from);
    this.#close(open);
    this.#count(code);
  }

  #gathered(open: Open, missing: readonly number[], outcomes: Outcome[]): void {
    const { from: member, id } = open.ask;
    const outcome = outcomes.shift();
    expect(outcome).toMatchObject({ kind: "gathered", member, id });
    const absent = outcome?.kind === "gathered" ? outcome.missing.map((one) => one.id) : [];
    expect(absent.toSorted()).toEqual(missing.toSorted());
    expect([...open.done, ...absent].toSorted()).toEqual(open.expected.toSorted());
    this.#close(open);
    this.#count(missing.length > 0 ? "gathered in part" : "gathered");
  }

  /** It is not open any more: whatever comes for it now is more than was due. */
  #close(open: Open): void {
    this.#open.splice(this.#open.indexOf(open), 1);
    this.#waiting = this.#waiting.filter((one) => !("open" in one) || one.open !== open);
  }

  #nothingMore(outcomes: readonly Outcome[]): void {
    expect(outcomes).toEqual([]);
    this.#check();
  }

  #count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  #check(): void {
    for (const open of this.#open) {
      expect(open.working.size > 0 || open.isHeld).toBe(true);
      for (const worker of open.working.values()) expect(this.#present.has(worker)).toBe(true);
    }
    const kept = this.#waiting.flatMap((one) => ("kept" in one ? [one.kept.until] : []));
    const deadlines = [...kept, ...this.#open.map((open) => open.ask.deadline)];
    expect(this.exchange.nextDeadline()).toBe(deadlines.length > 0 ? Math.min(...deadlines) : null);
    const subscriptions = [...this.#present.values()].map((one) => one.subscriptions.size);
    expect(this.exchange.sizes()).toMatchObject({
      members: this.#present.size,
      subscriptions: subscriptions.reduce((sum, one) => sum + one, 0),
      requests: this.#open.length,
      exchanges: this.#open.reduce((sum, open) => sum + open.working.size, 0),
      held: this.#waiting.length,
      deadlines: deadlines.length,
    });
  }
}

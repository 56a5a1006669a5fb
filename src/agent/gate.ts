/** The gate inside a worker: keeps long-lived connections even, and knows when to leave that be. */

import { areShortLived, type Loads, leastLoaded, passesOn } from "../core/gate.ts";
import type { Channel } from "./channel.ts";
import { keep } from "./claim.ts";
import type { Handle } from "./node-internals.ts";
import type { Traffic } from "./traffic.ts";

/** Changes are told at most this often; short-lived connections ten times more seldom. Milliseconds. */
const REPORT_EVERY_MS = 10;
const REPORT_SHORT_LIVED_EVERY_MS = 200;

/** A supervisor that has not answered for this long is busy or gone: keep what comes. Milliseconds. */
const ANSWER_WITHIN_MS = 500;
/** Connections on their way to the supervisor at once: what it could take with it into a coma. */
const WINDOW = 4;
/** A connection that was offered and accepted comes within this time, or went elsewhere. Milliseconds. */
const TAKE_WITHIN_MS = 250;

/** A connection to be passed on, until the window allows it. */
interface Held {
  readonly key: string;
  readonly client: Handle;
  /** Whose client it is; undefined: the least loaded worker's. */
  readonly to?: number;
}

export class Gate {
  readonly #channel: Channel;
  readonly #traffic: Traffic;
  readonly #self: string;
  readonly #keep: (key: string, client: Handle) => void;
  readonly #held: Held[] = [];
  /** Open connections of each worker that accepts, as the supervisor last told. */
  #loads: Record<string, number> = {};
  #isWatched = false;
  #hasLeft = false;
  #unansweredSince: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #reported = -1;
  /** Connections that were sent, until another worker has them: the supervisor may die with its duplicates. */
  readonly #kept = new Map<number, Held>();
  /** Of those of a supervisor that is gone: who has them is not known yet. */
  #unsettled = 0;
  #nextId = 1;
  /** Those of them the supervisor has not confirmed. */
  readonly #unconfirmed = new Set<number>();
  /** Accepted by offer and not come, and come so far. */
  #expected = 0;
  #taken = 0;

  /** `keep` serves a connection here after all. */
  constructor(
    channel: Channel,
    traffic: Traffic,
    self: string,
    keep: (key: string, client: Handle) => void,
  ) {
    this.#keep = keep;
    this.#channel = channel;
    this.#traffic = traffic;
    this.#self = self;
  }

  /** True when the fresh connection goes to another worker. */
  passes(key: string, client: Handle): boolean {
    const to = this.#target();
    if (to === null) return false;
    this.#loads[to] = (this.#loads[to] ?? 0) + 1;
    return this.#hold({ key, client });
  }

  /** The same for a connection that belongs to this worker. False: that is not possible now. */
  passesTo(to: number, key: string, client: Handle): boolean {
    if (this.#hasLeft || this.#isUnanswered() || !this.#channel.isOpen()) return false;
    return this.#hold({ key, client, to });
  }

  #hold(held: Held): true {
    this.#held.push(held);
    this.#sendHeld();
    if (this.#held.length > 0) {
      setTimeout(() => this.#isUnanswered() && this.#keepHeld(), ANSWER_WITHIN_MS + 1);
    }
    return true;
  }

  /** Whether this worker takes a connection it is offered. */
  acceptsOffer(): boolean {
    if (this.#hasLeft) return false;
    if (this.#hasEnough()) {
      // Offered on old knowledge: this is the news.
      this.#report();
      return false;
    }
    this.#expected += 1;
    setTimeout(() => this.#expectOneLess(), TAKE_WITHIN_MS).unref();
    return true;
  }

  /** The connection of an accepted offer has come. */
  taken(): void {
    this.#taken += 1;
    this.#expectOneLess();
  }

  /** The supervisor has got a connection that was passed on. */
  passed(id: number): void {
    this.#unconfirmed.delete(id);
    this.#unansweredSince = this.#unconfirmed.size > 0 ? Date.now() : null;
    this.#sendHeld();
  }

  /** Another worker has it, or this one again. */
  given(id: number): void {
    this.#kept.get(id)?.client.close();
    this.#kept.delete(id);
  }

  /** The supervisor is gone, with all it had in its hands: what nobody else has is served here. */
  lost(): void {
    this.#isWatched = false;
    this.#unansweredSince = null;
    this.#unconfirmed.clear();
    for (const id of [...this.#kept.keys()]) this.#keepSent(id);
    this.#keepHeld();
  }

  /** There is a supervisor again; a new one counts from nothing. */
  linked(isNew: boolean): void {
    if (isNew) this.#taken = 0;
    this.#reported = -1;
    this.#report();
  }

  /** The open connections of this worker have changed. */
  changed(): void {
    if (!this.#isWatched || this.#timer) return;
    const wait = this.#areShortLived() ? REPORT_SHORT_LIVED_EVERY_MS : REPORT_EVERY_MS;
    this.#timer = setTimeout(() => this.#report(), wait).unref();
  }

  /** What the supervisor knows of all workers. */
  heard(loads: Loads): void {
    this.#isWatched = true;
    this.#unansweredSince = this.#unconfirmed.size > 0 ? this.#unansweredSince : null;
    this.#loads = { ...loads };
  }

  /** From now on nothing is passed on and no offer accepted. */
  leave(): void {
    this.#hasLeft = true;
    this.#keepHeld();
  }

  /** Connections on their way from here or to here: the process must stay for them. */
  underWay(): number {
    const sent = this.#isUnanswered() ? 0 : this.#kept.size;
    return sent + this.#unsettled + this.#expected;
  }

  /** Who gets a fresh connection, null when it stays. Asked for every connection: the cheap checks first. */
  #target(): string | null {
    if (!this.#isWatched || this.#hasLeft || this.#areShortLived()) return null;
    if (!this.#hasEnough() || this.#isUnanswered()) return null;
    return leastLoaded(this.#loads, new Set([this.#self]));
  }

  /** One more connection would be more than this worker's fair share. */
  #hasEnough(): boolean {
    const others: number[] = [];
    for (const worker in this.#loads) {
      if (worker !== this.#self) others.push(this.#loads[worker] ?? 0);
    }
    return passesOn(this.#traffic.accepted + this.#expected + 1, others);
  }

  #areShortLived(): boolean {
    return areShortLived(this.#traffic.meanLifeMs, this.#traffic.sinceLastCloseMs());
  }

  #isUnanswered(): boolean {
    return this.#unansweredSince !== null && Date.now() - this.#unansweredSince > ANSWER_WITHIN_MS;
  }

  #expectOneLess(): void {
    this.#expected = Math.max(0, this.#expected - 1);
  }

  #report(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#traffic.accepted === this.#reported) return;
    this.#reported = this.#traffic.accepted;
    this.#unansweredSince ??= Date.now();
    this.#channel.send({ t: "load", open: this.#reported, taken: this.#taken });
  }

  /** Sends what waits, as far as the window allows. */
  #sendHeld(): void {
    while (this.#unconfirmed.size < WINDOW) {
      const next = this.#held.shift();
      if (!next) return;
      const id = this.#nextId++;
      this.#kept.set(id, next);
      this.#unconfirmed.add(id);
      this.#unansweredSince ??= Date.now();
      const { client, ...pass } = next;
      this.#channel.send({ t: "pass", id, ...pass }, client, (error) => {
        if (error) this.#keepSent(id);
      });
    }
  }

  /** It stays here, unless another worker has got it. */
  #keepSent(id: number): void {
    const sent = this.#kept.get(id);
    this.#kept.delete(id);
    this.#unconfirmed.delete(id);
    if (!sent) return;
    this.#unsettled += 1;
    keep(sent.client, (isOurs) => {
      this.#unsettled -= 1;
      if (isOurs) this.#keep(sent.key, sent.client);
      else sent.client.close();
    });
  }

  /** No answer: what has not been sent yet stays here. */
  #keepHeld(): void {
    for (const { key, client } of this.#held.splice(0)) this.#keep(key, client);
  }
}

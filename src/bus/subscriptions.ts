/** What this process has subscribed to and answers, and the way of each frame to its handlers. */

import { SubjectTree } from "../core/bus/subjects.ts";
import { PassingMap } from "../core/passing-map.ts";
import { BUS, type BusFrame } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import { Delivery, NOBODY, Work } from "./delivery.ts";
import type { Events } from "./events.ts";
import { errorOf } from "./failure.ts";
import { frameOf } from "./frames-out.ts";
import type { KeepAlive } from "./keep-alive.ts";
import type { Lane } from "./lane.ts";

interface Terms {
  readonly pattern: string;
  /** What the supervisor is told of it. */
  readonly head: Readonly<Record<string, unknown>>;
  /** Called each time the supervisor has it: at first, and after each new connection. */
  readonly made?: () => void;
}

export type Wanted = Terms &
  (
    | { readonly kind: "listen"; readonly isPlain: boolean; readonly lane: Lane<Delivery> }
    | { readonly kind: "reply"; readonly isPlain: false; readonly lane: Lane<Work> }
  );

/** A subscription under its number. */
interface Standing {
  readonly number: number;
  readonly wanted: Wanted;
  /** The supervisor's words to come on this link, in their order: `done` does not say what is done. */
  words: ("made" | "left")[];
  /** The supervisor has had it once. */
  isMade: boolean;
  made(error: unknown): void;
  left(): void;
}

export class Subscriptions {
  readonly #keepAlive: KeepAlive;
  readonly #events: Pick<Events, "failed">;
  readonly #standing = new Map<number, Standing>();
  /** Those that get what is for everyone. */
  readonly #plain = new SubjectTree<Standing>();
  /** Requests at work, by exchange. */
  readonly #works = new PassingMap<number, Work>();
  /** Handlers of what has been ended that are still at work. */
  readonly #ending = new Set<Promise<void>>();
  #isKept = true;
  #isClosing = false;

  constructor(keepAlive: KeepAlive, events: Pick<Events, "failed">) {
    this.#keepAlive = keepAlive;
    this.#events = events;
  }

  has(number: number): boolean {
    return this.#standing.has(number);
  }

  /** Resolves when the supervisor has it; without a link it is told as soon as there is one. */
  add(number: number, wanted: Wanted, link: BusLink | null): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const made = (error: unknown): void => (error === null ? resolve() : reject(error));
      const standing: Standing = { number, wanted, words: [], isMade: false, made, left: () => {} };
      this.#standing.set(number, standing);
      if (wanted.isPlain) this.#plain.add(wanted.pattern, standing);
      if (this.#isKept) this.#keepAlive.hold();
      if (link) tell(standing, link);
    });
  }

  /** Resolves when nothing more comes for it. */
  remove(number: number, link: BusLink | null): Promise<void> {
    const standing = this.#standing.get(number);
    if (standing === undefined || standing.words.includes("left")) return Promise.resolve();
    if (standing.wanted.isPlain) this.#plain.remove(standing.wanted.pattern, standing);
    if (link === null) {
      this.#forget(standing);
      return Promise.resolve();
    }
    standing.words.push("left");
    link.send(frameOf(BUS.unsubscribe, number));
    return new Promise((resolve) => {
      standing.left = resolve;
    });
  }

  /** All are made again on a new link. */
  up(link: BusLink): void {
    for (const standing of this.#standing.values()) tell(standing, link);
  }

  /** What is at work was asked over a link that is gone: nobody waits for it. */
  down(): void {
    this.cancelAll("the connection to the supervisor is lost");
    this.#works.clear();
    for (const standing of [...this.#standing.values()]) {
      const isLeaving = standing.words.includes("left");
      standing.words = [];
      if (isLeaving) this.#forget(standing);
    }
  }

  /** The supervisor has it, has forgotten it, or will not have it. */
  answered(frame: BusFrame): void {
    const standing = this.#standing.get(frame.id);
    if (standing === undefined) return;
    const { pattern, made } = standing.wanted;
    const error = frame.kind === BUS.failure ? errorOf(frame, pattern) : null;
    const word = standing.words.shift();
    if (word === "left" || error !== null) this.#forget(standing);
    if (word !== "made") return;
    // The one who subscribed has gone on long since.
    if (error && standing.isMade) {
      this.#events.failed(error, { subject: pattern, from: NOBODY, headers: {} });
    }
    standing.isMade = true;
    standing.made(error);
    if (error === null) made?.();
  }

  deliver(frame: BusFrame, link: BusLink): void {
    if (frame.to !== 0) {
      // Messages for everyone come so, too, once they had to wait in the supervisor.
      const standing = this.#standing.get(frame.to);
      if (standing?.wanted.kind !== "listen" || this.#isTurnedAway(standing)) {
        return link.worked(frame.bytes);
      }
      return standing.wanted.lane.give(new Delivery(frame, link, 1));
    }
    const all = this.#plain.match(frame.subject);
    if (all.length === 0) return link.worked(frame.bytes);
    const delivery = new Delivery(frame, link, all.length);
    for (const { wanted } of all) if (wanted.kind === "listen") wanted.lane.give(delivery);
  }

  ask(frame: BusFrame, link: BusLink): void {
    const wanted = this.#standing.get(frame.to)?.wanted;
    if (wanted?.kind !== "reply") return link.worked(frame.bytes);
    const work = new Work(frame, link, Date.now());
    this.#works.set(frame.id, work);
    wanted.lane.give(work);
  }

  cancel(exchange: number): void {
    this.#works.get(exchange)?.cancel("the request was cancelled");
    this.#works.delete(exchange);
  }

  ended(work: Work): void {
    if (this.#works.get(work.frame.id) === work) this.#works.delete(work.frame.id);
  }

  cancelAll(why: string): void {
    for (const work of this.#works.values()) work.cancel(why);
  }

  /** The process need not stay for what is subscribed. */
  letGo(): void {
    if (!this.#isKept) return;
    this.#isKept = false;
    for (const _standing of this.#standing.keys()) this.#keepAlive.release();
  }

  /** What is for everyone is not taken any more. */
  turnAway(): void {
    this.#isClosing = true;
    for (const standing of this.#standing.values()) {
      if (standing.wanted.isPlain) this.#plain.remove(standing.wanted.pattern, standing);
    }
  }

  /**
   * Resolves when the handlers have ended. Messages for everyone go on coming to a process that drains: of those
   * only what is at work now is waited for.
   */
  async whenIdle(): Promise<void> {
    const lanes = [...this.#standing.values()].map(({ wanted }) =>
      wanted.isPlain && !this.#isClosing ? wanted.lane.whenPresentEnded() : wanted.lane.whenIdle(),
    );
    await Promise.all([...lanes, ...this.#ending]);
  }

  /** There will be no connection any more. */
  fail(error: unknown): void {
    for (const standing of [...this.#standing.values()]) {
      this.#forget(standing);
      standing.made(error);
    }
  }

  /** Those the supervisor has never had: they were asked for in vain. */
  failUnmade(error: unknown): void {
    for (const standing of [...this.#standing.values()]) {
      if (standing.isMade) continue;
      this.#forget(standing);
      standing.made(error);
    }
  }

  #isTurnedAway({ wanted, words }: Standing): boolean {
    return wanted.isPlain && (this.#isClosing || words.includes("left"));
  }

  #awaitEnd(lane: { readonly isIdle: boolean; whenIdle(): Promise<void> }): void {
    if (lane.isIdle) return;
    const ending = lane.whenIdle();
    this.#ending.add(ending);
    void ending.then(() => this.#ending.delete(ending));
  }

  #forget(standing: Standing): void {
    if (!this.#standing.delete(standing.number)) return;
    if (standing.wanted.isPlain) this.#plain.remove(standing.wanted.pattern, standing);
    if (this.#isKept) this.#keepAlive.release();
    this.#awaitEnd(standing.wanted.lane);
    standing.left();
  }
}

function tell(standing: Standing, link: BusLink): void {
  const { number, wanted } = standing;
  standing.words.push("made");
  link.send(frameOf(BUS.subscribe, number, wanted.pattern, wanted.head));
}

/** The gate inside a worker: keeps long-lived connections even, and knows when to leave that be. */

import { areShortLived, type Loads, leastLoaded, passesOn } from "../core/gate.ts";
import type { Channel } from "./channel.ts";
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

export interface Gate {
  /** True when the fresh connection went to another worker. `keep` gets it back should that fail. */
  passes(key: string, client: Handle, keep: () => void): boolean;
  /** Whether this worker takes a connection it is offered. */
  acceptsOffer(): boolean;
  /** The connection of an accepted offer has come. */
  taken(): void;
  /** The supervisor has got a connection that was passed on. */
  passed(): void;
  /** The open connections of this worker have changed. */
  changed(): void;
  /** What the supervisor knows of all workers. */
  heard(loads: Loads): void;
  /** From now on nothing is passed on and no offer accepted. */
  leave(): void;
  /** Connections on their way from here or to here: the process must stay for them. */
  underWay(): number;
}

export function createGate(channel: Channel, traffic: Traffic, self: string): Gate {
  let loads: Record<string, number> = {};
  let isWatched = false;
  let hasLeft = false;
  let unansweredSince: number | null = null;
  let timer: NodeJS.Timeout | null = null;
  let reported = -1;
  const held: { key: string; client: Handle; keep: () => void }[] = [];
  let unconfirmed = 0;
  let expected = 0;
  let taken = 0;

  const report = (): void => {
    if (timer) clearTimeout(timer);
    timer = null;
    if (traffic.open() === reported) return;
    reported = traffic.open();
    unansweredSince ??= Date.now();
    channel.send({ t: "load", open: reported, taken });
  };

  /** Sends what waits, as far as the window allows. */
  const sendHeld = (): void => {
    while (unconfirmed < WINDOW) {
      const next = held.shift();
      if (!next) return;
      const { key, client, keep } = next;
      unconfirmed += 1;
      unansweredSince ??= Date.now();
      channel.send({ t: "pass", key }, client, (error) => {
        if (error) keep();
        else client.close();
      });
    }
  };

  /** No answer: what has not been sent yet stays here. */
  const keepHeld = (): void => {
    for (const { keep } of held.splice(0)) keep();
  };

  const isUnanswered = (): boolean =>
    unansweredSince !== null && Date.now() - unansweredSince > ANSWER_WITHIN_MS;

  /** One more connection would be more than this worker's fair share. */
  const hasEnough = (): boolean => {
    const others: number[] = [];
    for (const worker in loads) if (worker !== self) others.push(loads[worker] ?? 0);
    return passesOn(traffic.open() + expected + 1, others);
  };

  const target = (): string | null => {
    if (!isWatched || hasLeft || isUnanswered()) return null;
    if (areShortLived(traffic.lives(), Date.now()) || !hasEnough()) return null;
    return leastLoaded(loads, new Set([self]));
  };

  return {
    passes(key, client, keep) {
      const to = target();
      if (to === null) return false;
      loads[to] = (loads[to] ?? 0) + 1;
      held.push({ key, client, keep });
      sendHeld();
      if (held.length > 0) {
        setTimeout(() => isUnanswered() && keepHeld(), ANSWER_WITHIN_MS + 1);
      }
      return true;
    },
    acceptsOffer() {
      if (hasLeft) return false;
      if (hasEnough()) {
        // Offered on old knowledge: this is the news.
        report();
        return false;
      }
      expected += 1;
      setTimeout(() => {
        expected = Math.max(0, expected - 1);
      }, TAKE_WITHIN_MS).unref();
      return true;
    },
    passed() {
      unconfirmed = Math.max(0, unconfirmed - 1);
      unansweredSince = unconfirmed > 0 ? Date.now() : null;
      sendHeld();
    },
    taken() {
      taken += 1;
      expected = Math.max(0, expected - 1);
    },
    changed() {
      if (!isWatched || timer) return;
      const isShort = areShortLived(traffic.lives(), Date.now());
      timer = setTimeout(report, isShort ? REPORT_SHORT_LIVED_EVERY_MS : REPORT_EVERY_MS).unref();
    },
    heard(heard) {
      isWatched = true;
      unansweredSince = unconfirmed > 0 ? unansweredSince : null;
      loads = { ...heard };
    },
    leave() {
      hasLeft = true;
      keepHeld();
    },
    underWay: () => (isUnanswered() ? 0 : unconfirmed) + expected,
  };
}

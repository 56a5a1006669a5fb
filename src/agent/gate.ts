/** The gate inside a worker: keeps long-lived connections even, and knows when to leave that be. */

import { type Loads, leastLoaded, passesOn } from "../core/gate.ts";
import type { Channel } from "./channel.ts";
import type { Handle } from "./node-internals.ts";
import type { Traffic } from "./traffic.ts";

/** Changes are told at most this often; with much churn ten times more seldom. Milliseconds. */
const REPORT_EVERY_MS = 20;
const REPORT_EVERY_MS_IN_CHURN = 200;
const CHURN_PER_SECOND = 50;
/** Churn is measured over at least this long. Milliseconds. */
const CHURN_WINDOW_MS = 100;

/** A supervisor that has not answered a report for this long is busy or gone: keep what comes. */
const ANSWER_WITHIN_MS = 100;
/** A connection that was offered and accepted comes within this time, or went elsewhere. Milliseconds. */
const TAKE_WITHIN_MS = 250;

export interface Gate {
  /** True when the fresh connection went to another worker. `keep` gets it back should that fail. */
  passes(key: string, client: Handle, keep: () => void): boolean;
  /** Whether this worker takes a connection it is offered. */
  acceptsOffer(): boolean;
  /** The connection of an accepted offer has come. */
  taken(): void;
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
  const churn = createChurn(traffic);
  let loads: Record<string, number> = {};
  let isWatched = false;
  let hasLeft = false;
  let unansweredSince: number | null = null;
  let timer: NodeJS.Timeout | null = null;
  let reported = -1;
  let passing = 0;
  let expected = 0;

  const report = (): void => {
    timer = null;
    if (traffic.open() === reported) return;
    reported = traffic.open();
    unansweredSince ??= Date.now();
    channel.send({ t: "load", open: reported });
  };

  const pass = (key: string, client: Handle, keep: () => void): void => {
    passing += 1;
    channel.send({ t: "pass", key }, client, (error) => {
      passing -= 1;
      if (error) keep();
      else client.close();
    });
  };

  const target = (): string | null => {
    if (!isWatched || hasLeft) return null;
    const now = Date.now();
    if (unansweredSince !== null && now - unansweredSince > ANSWER_WITHIN_MS) return null;
    const others: number[] = [];
    for (const worker in loads) if (worker !== self) others.push(loads[worker] ?? 0);
    if (!passesOn(traffic.open() + 1, others, churn(now))) return null;
    return leastLoaded(loads, new Set([self]));
  };

  return {
    passes(key, client, keep) {
      const to = target();
      if (to === null) return false;
      loads[to] = (loads[to] ?? 0) + 1;
      pass(key, client, keep);
      return true;
    },
    acceptsOffer() {
      if (hasLeft) return false;
      expected += 1;
      setTimeout(() => {
        expected = Math.max(0, expected - 1);
      }, TAKE_WITHIN_MS).unref();
      return true;
    },
    taken() {
      expected = Math.max(0, expected - 1);
    },
    changed() {
      if (!isWatched || timer) return;
      const isChurning = churn(Date.now()) > CHURN_PER_SECOND;
      timer = setTimeout(report, isChurning ? REPORT_EVERY_MS_IN_CHURN : REPORT_EVERY_MS).unref();
    },
    heard(heard) {
      isWatched = true;
      unansweredSince = null;
      loads = { ...heard };
    },
    leave() {
      hasLeft = true;
    },
    underWay: () => passing + expected,
  };
}

/** Connections closed per second, lately. */
function createChurn(traffic: Traffic): (now: number) => number {
  let since = Date.now();
  let perSecond = 0;
  return (now) => {
    const elapsed = now - since;
    if (elapsed < CHURN_WINDOW_MS) return perSecond;
    perSecond = (traffic.takeClosed() * 1000) / elapsed;
    since = now;
    return perSecond;
  };
}

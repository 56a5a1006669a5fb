/** The gate inside a worker: keeps long-lived connections even, and knows when to leave that be. */

import { type Loads, leastLoaded, passesOn } from "../core/gate.ts";
import type { Channel } from "./channel.ts";
import type { Handle } from "./node-internals.ts";
import type { Traffic } from "./traffic.ts";

/** Changes are told at most this often; with much churn ten times more seldom. Milliseconds. */
const REPORT_EVERY_MS = 20;
const REPORT_EVERY_MS_IN_CHURN = 200;
const CHURN_PER_SECOND = 50;

/** A supervisor that has not answered a report for this long is busy or gone: keep what comes. */
const ANSWER_WITHIN_MS = 100;

export interface Gate {
  /** True when the fresh connection went to another worker. `keep` gets it back should that fail. */
  passes(key: string, client: Handle, keep: () => void): boolean;
  /** The open connections of this worker have changed. */
  changed(): void;
  /** What the supervisor knows of all workers. */
  heard(loads: Loads): void;
}

export function createGate(channel: Channel, traffic: Traffic, self: string): Gate {
  let loads: Record<string, number> = {};
  let isWatched = false;
  let unansweredSince: number | null = null;
  let timer: NodeJS.Timeout | null = null;
  let reported = -1;
  let churn = { since: Date.now(), perSecond: 0 };

  const measureChurn = (now: number): number => {
    const elapsed = now - churn.since;
    if (elapsed >= 1000) churn = { since: now, perSecond: (traffic.takeClosed() * 1000) / elapsed };
    return churn.perSecond;
  };

  const report = (): void => {
    timer = null;
    if (traffic.open() === reported) return;
    reported = traffic.open();
    unansweredSince ??= Date.now();
    channel.send({ t: "load", open: reported });
  };

  return {
    passes(key, client, keep) {
      if (!isWatched) return false;
      const now = Date.now();
      const perSecond = measureChurn(now);
      if (unansweredSince !== null && now - unansweredSince > ANSWER_WITHIN_MS) return false;
      const own = traffic.open() + 1;
      const others = Object.entries(loads).filter(([worker]) => worker !== self);
      if (
        !passesOn(
          own,
          others.map(([, load]) => load),
          perSecond,
        )
      )
        return false;
      const target = leastLoaded(loads, new Set([self]));
      if (target === null) return false;
      loads[target] = (loads[target] ?? 0) + 1;
      channel.send({ t: "pass", key }, client, (error) => (error ? keep() : client.close()));
      return true;
    },
    changed() {
      if (!isWatched || timer) return;
      const wait = churn.perSecond > CHURN_PER_SECOND ? REPORT_EVERY_MS_IN_CHURN : REPORT_EVERY_MS;
      timer = setTimeout(report, wait).unref();
    },
    heard(heard) {
      isWatched = true;
      unansweredSince = null;
      loads = { ...heard };
    },
  };
}

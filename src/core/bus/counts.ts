/** What the bus counts of itself: closed lists of names, numbers that only grow. Pure. */

import { NO_QUEUES, type QueueReading } from "../queue/reading.ts";

/**
 * `publish` messages published; `deliver` those that were passed on to a subscriber; `request` requests, `ask` those
 * that were passed on to somebody who answers; `reply` answers, failures of handlers among them; `relay` those passed
 * on between workers' plain IPC channels.
 */
export const BUS_KINDS = ["publish", "deliver", "request", "ask", "reply", "relay"] as const;
export type BusKind = (typeof BUS_KINDS)[number];

/**
 * Why a message was not passed on: `oldest` it waited longest of too many; `rejected` too many waited already; `gone`
 * its subscriber went while it waited; `held` too much is held for subscribers to come; `lapsed` nobody came
 * for it while it was held; `retained` too much is
 * retained; `invalid` it was none that may be sent; `congested` a worker does not read its IPC channel; `forbidden` who
said it has no permission for it.
 */
export const BUS_DROPS = [
  "oldest",
  "rejected",
  "gone",
  "held",
  "lapsed",
  "retained",
  "invalid",
  "congested",
  "forbidden",
] as const;
export type BusDrop = (typeof BUS_DROPS)[number];

/**
 * What became of requests; `failed`: the handler threw, or it was too large for who was to answer; `cancelled`: who
 * asked has given up, which it also does when its own time is over, or is gone.
 */
export const BUS_RESULTS = [
  "answered",
  "failed",
  "no_responders",
  "worker_lost",
  "timeout",
  "overloaded",
  "cancelled",
] as const;
export type BusResult = (typeof BUS_RESULTS)[number];

/** How it is with the bus. */
export interface BusReading {
  readonly members: number;
  /** Locks and leaderships that are held, and how many wait for one. */
  readonly locks: number;
  readonly lockWaiters: number;
  readonly messages: Readonly<Record<BusKind, number>>;
  readonly dropped: Readonly<Record<BusDrop, number>>;
  readonly requests: Readonly<Record<BusResult, number>>;
  readonly authFailures: number;
  readonly queues: QueueReading;
}

export class BusCounts implements BusReading {
  members = 0;
  locks = 0;
  lockWaiters = 0;
  readonly messages = zeros(BUS_KINDS);
  readonly dropped = zeros(BUS_DROPS);
  readonly requests = zeros(BUS_RESULTS);
  authFailures = 0;
  /** Asked when somebody looks. */
  queuesNow: () => QueueReading = () => NO_QUEUES;

  get queues(): QueueReading {
    return this.queuesNow();
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

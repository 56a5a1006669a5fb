/** How it is with durable queues, for those who watch. Pure. */

/**
 * What has happened to messages: `enqueued` stored; `done` worked off; `retried` failed and to come again; `dead`
 * failed for the last time; `expired` not handed out within their `ttl`; `duplicate` not stored, as they were there.
 */
export const QUEUE_EVENTS = [
  "enqueued",
  "done",
  "retried",
  "dead",
  "expired",
  "duplicate",
] as const;
export type QueueEvent = (typeof QUEUE_EVENTS)[number];

export interface QueueLevels {
  readonly ready: number;
  readonly delayed: number;
  readonly leased: number;
  readonly dead: number;
}

export interface QueueReading {
  /** Numbers that only grow. */
  readonly events: Readonly<Record<QueueEvent, number>>;
  /** Those that hold anything; none while the store is not open. */
  readonly queues: ReadonlyMap<string, QueueLevels>;
}

export const NO_QUEUES: QueueReading = {
  events: { enqueued: 0, done: 0, retried: 0, dead: 0, expired: 0, duplicate: 0 },
  queues: new Map(),
};

/** So many queues are told by name, the first by their names; the others are told together. */
export const MOST_NAMED = 100;
export const OTHERS = "other";

/** The levels of each queue that is told, under the name it is told by. */
export function namedLevels(
  queues: ReadonlyMap<string, QueueLevels>,
): ReadonlyMap<string, QueueLevels> {
  const told = new Map<string, QueueLevels>();
  for (const [index, name] of [...queues.keys()].sort().entries()) {
    const as = index < MOST_NAMED ? name : OTHERS;
    told.set(as, sum(told.get(as), queues.get(name)));
  }
  return told;
}

function sum(one: QueueLevels | undefined, other: QueueLevels | undefined): QueueLevels {
  return {
    ready: (one?.ready ?? 0) + (other?.ready ?? 0),
    delayed: (one?.delayed ?? 0) + (other?.delayed ?? 0),
    leased: (one?.leased ?? 0) + (other?.leased ?? 0),
    dead: (one?.dead ?? 0) + (other?.dead ?? 0),
  };
}

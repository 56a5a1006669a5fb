/** What a worker's beat says, as far as it can be believed. Pure. */

import {
  GC_BUCKETS,
  GC_KINDS,
  METHODS,
  REQUEST_BUCKETS,
  STATUS_CLASSES,
  STICKY_RESULTS,
} from "../core/stats.ts";
import { vectorIn } from "./histogram.ts";
import { countIn } from "./merge.ts";

/** Null: it was not said, or cannot be. Units as in `WorkerStats`. */
export interface Beat {
  readonly active: number | null;
  readonly idle: number | null;
  readonly delayP99: number | null;
  readonly delayMax: number | null;
  readonly heapUsed: number | null;
  readonly heapLimit: number | null;
  readonly external: number | null;
  readonly cpuUser: number | null;
  readonly cpuSystem: number | null;
  readonly connections: number | null;
  readonly inFlight: number | null;
  readonly aborted: number | null;
  /** By method and class, and by kind: the buckets, then the sum. */
  readonly requests: ReadonlyMap<string, readonly number[]>;
  readonly gc: ReadonlyMap<string, readonly number[]>;
  readonly sticky: StickyBeat | null;
}

export interface StickyBeat {
  /** In the order of `STICKY_RESULTS`. */
  readonly results: readonly (number | null)[];
  readonly sessions: number | null;
}

/** `"0:2"` for GET and 2xx: the keys of `WorkerStats.requests`. */
export const REQUEST_KEYS: readonly string[] = METHODS.flatMap((_, method) =>
  STATUS_CLASSES.map((_class, index) => `${method}:${index + 1}`),
);

export function beatIn(stats: unknown): Beat {
  const found = (typeof stats === "object" ? (stats ?? {}) : {}) as Record<string, unknown>;
  return {
    active: countIn(found.active),
    idle: countIn(found.idle),
    delayP99: countIn(found.delayP99),
    delayMax: countIn(found.delayMax),
    heapUsed: countIn(found.heapUsed),
    heapLimit: countIn(found.heapLimit),
    external: countIn(found.external),
    cpuUser: countIn(found.cpuUser),
    cpuSystem: countIn(found.cpuSystem),
    connections: countIn(found.connections),
    inFlight: countIn(found.inFlight),
    aborted: countIn(found.aborted),
    requests: vectorsIn(found.requests, REQUEST_KEYS, REQUEST_BUCKETS.length + 1),
    gc: vectorsIn(found.gc, GC_KINDS, GC_BUCKETS.length + 1),
    sticky: stickyIn(found.sticky),
  };
}

function stickyIn(value: unknown): StickyBeat | null {
  if (typeof value !== "object" || value === null) return null;
  const { results, sessions } = value as Record<string, unknown>;
  const said = (typeof results === "object" ? (results ?? {}) : {}) as Record<string, unknown>;
  return {
    results: STICKY_RESULTS.map((name) => countIn(said[name])),
    sessions: countIn(sessions),
  };
}

/** Known keys only: what a worker invents is not kept. */
function vectorsIn(
  value: unknown,
  keys: readonly string[],
  buckets: number,
): ReadonlyMap<string, readonly number[]> {
  const vectors = new Map<string, readonly number[]>();
  if (typeof value !== "object" || value === null) return vectors;
  for (const key of keys) {
    const vector = Object.hasOwn(value, key)
      ? vectorIn((value as Record<string, unknown>)[key], buckets)
      : null;
    if (vector) vectors.set(key, vector);
  }
  return vectors;
}

/**
 * Which worker of an app has grown too large, too old or unwell, and is to be replaced next: one at a
 * time, so that a leak or a broken database never takes all at once. Pure.
 */

import type { UnwellReason } from "./worker.ts";

/** Limits differ by up to this share from worker to worker. */
const SPREAD = 0.1;
/** Where every worker fails its probe the fault is likely elsewhere: one try a minute. */
export const ALL_UNHEALTHY_EVERY_MS = 60_000;
const MIB = 1024 * 1024;

export interface Limits {
  readonly maxMemoryBytes: number | null;
  readonly maxLifetimeMs: number | null;
  readonly maxRequests: number | null;
  readonly health: Probing;
}

export interface Probing {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly failures: number;
}

/** A worker that serves. */
export interface Weighed {
  readonly id: number;
  readonly settled: boolean;
  /** It is being replaced already. */
  readonly unwell: boolean;
  /** Null where the system does not tell. */
  readonly memoryBytes: number | null;
  readonly ageMs: number;
  /** Requests it has answered. */
  readonly handled: number;
  /** How long it has been ready. */
  readonly servedMs: number;
  /** How its health probe fails, and for how long it has been known to; null: it does not. */
  readonly fault: string | null;
  readonly faultForMs: number;
}

export interface Choice {
  readonly id: number;
  readonly reason: Exclude<UnwellReason, "unresponsive">;
  /** A sentence's second half: "it uses 210 MiB of memory, ...". */
  readonly why: string;
  /** Every worker that is known fails its probe. */
  readonly isAll: boolean;
}

/**
 * The limit of one worker: `limit` plus or minus a tenth, spread evenly over consecutive ids, so that
 * workers that were started together do not reach it together.
 */
export function limitOf(limit: number, id: number): number {
  // The golden ratio's fractions fill the interval evenly however many there are.
  const place = (id * 0.618_033_988_749_895) % 1;
  return limit * (1 + SPREAD * (2 * place - 1));
}

/**
 * The worker to replace now, null for none. None while another is being replaced, and of those above a
 * limit only workers that have settled. `sinceAllMs`: how long ago one was replaced while all failed
 * their probes; Infinity for never.
 */
export function choose(
  workers: readonly Weighed[],
  limits: Limits,
  sinceAllMs: number,
): Choice | null {
  if (workers.some(({ unwell }) => unwell)) return null;
  return unhealthy(workers, limits.health, sinceAllMs) ?? worst(workers, limits);
}

/**
 * Before the first one goes the others get the time to fail as well: what all have in common is no
 * worker's fault. One that is too young to have failed says nothing either way.
 */
function unhealthy(
  workers: readonly Weighed[],
  { intervalMs, timeoutMs, failures }: Probing,
  sinceAllMs: number,
): Choice | null {
  const [first] = workers
    .filter(({ fault }) => fault !== null)
    .sort((left, right) => right.faultForMs - left.faultForMs);
  if (first?.fault == null || first.faultForMs < intervalMs + timeoutMs) return null;
  const knownAfterMs = failures * (intervalMs + timeoutMs);
  const isAll = !workers.some(({ fault, servedMs }) => fault === null && servedMs >= knownAfterMs);
  if (isAll && sinceAllMs < ALL_UNHEALTHY_EVERY_MS) return null;
  return {
    id: first.id,
    reason: "unhealthy",
    why: `its health probe fails: ${first.fault}`,
    isAll,
  };
}

/** The one furthest beyond its limit. */
function worst(workers: readonly Weighed[], limits: Limits): Choice | null {
  const over = workers
    .filter(({ settled }) => settled)
    .flatMap((worker) => excesses(worker, limits))
    .sort((left, right) => right.excess - left.excess);
  const [first] = over;
  if (!first || first.excess <= 1) return null;
  const { id, reason, why } = first;
  return { id, reason, why: why(), isAll: false };
}

interface Excess {
  readonly id: number;
  readonly reason: Choice["reason"];
  readonly excess: number;
  why(): string;
}

function excesses(worker: Weighed, limits: Limits): readonly Excess[] {
  const { id, memoryBytes, ageMs, handled } = worker;
  const of = (
    reason: Choice["reason"],
    value: number | null,
    limit: number | null,
    say: (value: number, limit: number) => string,
  ): readonly Excess[] => {
    if (value === null || limit === null) return [];
    const own = limitOf(limit, id);
    return [{ id, reason, excess: value / own, why: () => say(value, own) }];
  };
  return [
    ...of("memory_limit", memoryBytes, limits.maxMemoryBytes, (has, own) => {
      const asked = limits.maxMemoryBytes ?? own;
      return `it uses ${mib(has)} of memory, and its limit is ${mib(own)} (${mib(asked)}, give or take a tenth)`;
    }),
    ...of("max_lifetime", ageMs, limits.maxLifetimeMs, (age) => `it has lived for ${seconds(age)}`),
    ...of("max_requests", handled, limits.maxRequests, (n) => `it has answered ${n} requests`),
  ];
}

/** In words for a person. */
export function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/**
 * "holdfast/worker": for apps that want more than the automatic behaviour. Without Holdfast around
 * it everything here is harmless: slot 0, hooks that never run or run at once, a signal that never
 * fires.
 */

import {
  type DrainFacts,
  type DrainHook,
  HOOKS,
  type MetricsRegistry,
  type WorkerHooks,
} from "./agent/hooks.ts";

const agent = (globalThis as { [HOOKS]?: WorkerHooks })[HOOKS];

/** This worker's slot, 0 to instances - 1: stable over restarts and reloads. 0 without Holdfast. */
export const slot: number = agent?.slot ?? 0;

/** Counts the app's reloads; 0 without Holdfast. */
export const generation: number = agent?.generation ?? 0;

/** Fires when this worker begins to drain: stop taking work. Never fires without Holdfast. */
export const draining: AbortSignal = agent?.draining ?? new AbortController().signal;

/**
 * Runs when this worker begins to drain, before the stop signal is raised; the worker stays until
 * the promise settles, at most `drainTimeout`. Hooks of the stage "consumers" run first, and with
 * `handover: true` the successor's `onActivate` code runs only after them, or, if one of them fails,
 * after the end of this process. A hook is given `{ reason }`: `reload`, `restart`, `stop`, `scale_down`
 * (nobody follows in this slot), or what made Holdfast replace this worker; null where that is not known.
 */
export function onDrain(hook: DrainHook): void;
export function onDrain(stage: "consumers" | "rest", hook: DrainHook): void;
export function onDrain(first: "consumers" | "rest" | DrainHook, second?: DrainHook): void {
  const stage = typeof first === "function" ? "rest" : first;
  const hook = typeof first === "function" ? first : second;
  if (!hook) throw new TypeError("onDrain() needs a function to run");
  agent?.onDrain(stage, hook);
}

/**
 * Runs once this worker is in charge of its slot: as soon as it is ready, or with `handover: true`
 * when its predecessor has released its consumers. Runs at once without Holdfast. What it rejects with
 * is an unhandled rejection, and ends the process unless the app handles those.
 */
export function onActivate(hook: () => void | Promise<void>): void {
  if (agent) agent.onActivate(hook);
  else void hook();
}

/**
 * Tells Holdfast how to ask this worker whether it is well: every 10 s (option `health`) while it
 * serves. A worker whose check returns or resolves to false, throws, or takes longer than 5 s, three times
 * in a row, is replaced, its successor first. Never called without Holdfast.
 */
export function registerHealthCheck(check: () => unknown): void {
  if (typeof check !== "function") throw new TypeError("registerHealthCheck() needs a function");
  agent?.onHealthCheck(check);
}

/**
 * Merges this registry of prom-client (or anything with its `getMetricsAsJSON()`) into the metrics that
 * Holdfast serves for all workers: counters and histograms are summed, gauges follow their aggregator. It
 * is read every two seconds and once more at the end of a drain. Does nothing without Holdfast.
 */
export function registerMetrics(registry: MetricsRegistry): void {
  if (typeof registry?.getMetricsAsJSON !== "function") {
    throw new TypeError("registerMetrics() needs a registry of prom-client");
  }
  agent?.onMetrics(registry);
}

export type { DrainFacts, DrainHook, MetricsRegistry };

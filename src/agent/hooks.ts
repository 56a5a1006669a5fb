/** What an app may register through "holdfast/worker", held here so that the app need not load us. */

import type { LeaveReason } from "../core/worker.ts";
import type { AgentSettings, BusSettings } from "../link/agent-messages.ts";

export type Hook = () => void | Promise<void>;
export type DrainHook = (drain: DrainFacts) => void | Promise<void>;

/** What a worker knows of its drain. */
export interface DrainFacts {
  /** Why it leaves; null: not known. */
  readonly reason: LeaveReason | null;
}

/** Well unless it gives or resolves to false, throws, or takes too long. */
export type HealthCheck = () => unknown;
/** What prom-client's Registry is to us; the answer may be a promise of it. */
export interface MetricsRegistry {
  getMetricsAsJSON(): unknown;
}
/** `consumers` run first: with hand-over the successor waits for them. */
export type DrainStage = "consumers" | "rest";

export interface WorkerHooks {
  readonly slot: number;
  readonly generation: number;
  /** Where the supervisor's bus is; null: it has none. */
  readonly bus: WorkerBus | null;
  readonly draining: AbortSignal;
  onDrain(stage: DrainStage, hook: DrainHook): void;
  onActivate(hook: Hook): void;
  /** The last one registered counts. */
  onHealthCheck(check: HealthCheck): void;
  onMetrics(registry: MetricsRegistry): void;
}

export interface WorkerBus extends BusSettings {
  readonly worker: number;
}

/** Where "holdfast/worker" finds the agent. */
export const HOOKS = Symbol.for("holdfast.worker");

export interface HookRunner {
  readonly hooks: WorkerHooks;
  activate(): void;
  healthCheck(): HealthCheck | null;
  /** Runs the hooks of a drain, consumers first; `released` is called in between. Never rejects. */
  drain(reason: LeaveReason | null, released: () => void): Promise<void>;
}

/** `hold` keeps the process until what it returns is called: code that waits for its turn is work to come. */
export function createHooks(
  settings: Pick<AgentSettings, "slot" | "generation" | "worker" | "bus">,
  hold: () => () => void,
  onMetrics: (registry: MetricsRegistry) => void,
): HookRunner {
  const { slot, generation, worker, bus } = settings;
  const stages: Record<DrainStage, DrainHook[]> = { consumers: [], rest: [] };
  const waiting: Hook[] = [];
  let release: (() => void) | null = null;
  const draining = new AbortController();
  let isActive = false;
  let healthCheck: HealthCheck | null = null;

  return {
    hooks: {
      slot,
      generation,
      bus: bus && { ...bus, worker },
      draining: draining.signal,
      onDrain: (stage, hook) => void stages[stage].push(hook),
      onActivate(hook) {
        if (isActive) void start(hook);
        else {
          release ??= hold();
          waiting.push(hook);
        }
      },
      onMetrics,
      onHealthCheck(check) {
        healthCheck = check;
      },
    },
    healthCheck: () => healthCheck,
    activate() {
      if (isActive) return;
      isActive = true;
      for (const hook of waiting.splice(0)) void start(hook);
      release?.();
    },
    async drain(reason, released) {
      draining.abort();
      const all = (hooks: readonly DrainHook[]) =>
        Promise.all(hooks.map((hook) => hasRun(() => hook({ reason }))));
      const areDone = await all(stages.consumers);
      // Of one that failed nobody knows what still runs: the successor waits for the end of this process.
      if (!areDone.includes(false)) released();
      await all(stages.rest);
    },
  };
}

/** What fails here is a rejection that nobody handles, as under plain Node: a worker whose consumers never began is no worker. */
async function start(hook: Hook): Promise<void> {
  await hook();
}

/** False: it has failed, which must not keep the worker from leaving; Node would end the process on it. */
async function hasRun(hook: Hook): Promise<boolean> {
  try {
    await hook();
    return true;
  } catch (error) {
    console.error(error);
    return false;
  }
}

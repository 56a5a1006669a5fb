/** What an app may register through "holdfast/worker", held here so that the app need not load us. */

export type Hook = () => void | Promise<void>;
/** `consumers` run first: with hand-over the successor waits for them. */
export type DrainStage = "consumers" | "rest";

export interface WorkerHooks {
  readonly slot: number;
  readonly generation: number;
  readonly draining: AbortSignal;
  onDrain(stage: DrainStage, hook: Hook): void;
  onActivate(hook: Hook): void;
}

/** Where "holdfast/worker" finds the agent. */
export const HOOKS = Symbol.for("holdfast.worker");

export interface HookRunner {
  readonly hooks: WorkerHooks;
  activate(): void;
  /** Runs the hooks of a drain, consumers first; `released` is called in between. Never rejects. */
  drain(released: () => void): Promise<void>;
}

/** `hold` keeps the process until what it returns is called: code that waits for its turn is work to come. */
export function createHooks(slot: number, generation: number, hold: () => () => void): HookRunner {
  const stages: Record<DrainStage, Hook[]> = { consumers: [], rest: [] };
  const waiting: Hook[] = [];
  let release: (() => void) | null = null;
  const draining = new AbortController();
  let isActive = false;

  const run = async (hook: Hook): Promise<void> => {
    try {
      await hook();
    } catch (error) {
      // A hook that fails must not keep the worker from leaving; Node would end the process on it.
      console.error(error);
    }
  };

  return {
    hooks: {
      slot,
      generation,
      draining: draining.signal,
      onDrain: (stage, hook) => void stages[stage].push(hook),
      onActivate(hook) {
        if (isActive) void run(hook);
        else {
          release ??= hold();
          waiting.push(hook);
        }
      },
    },
    activate() {
      if (isActive) return;
      isActive = true;
      for (const hook of waiting.splice(0)) void run(hook);
      release?.();
    },
    async drain(released) {
      draining.abort();
      await Promise.all(stages.consumers.map(run));
      released();
      await Promise.all(stages.rest.map(run));
    },
  };
}

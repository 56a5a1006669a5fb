/** A bus as a worker has it, in the test's own process: the supervisor's word of its state, and its drain. */

import type { WorkerHooks } from "../../src/agent/hooks.ts";
import type { Bus } from "../../src/bus/api.ts";
import { createWorkerBus } from "../../src/bus/worker-bus.ts";
import { atEnd, type Served } from "./served.ts";

export interface OwnWorker {
  readonly own: Bus;
  /** What the supervisor says of it. */
  tell(event: "worker:ready" | "worker:drain" | "worker:hung" | "worker:recovered"): void;
  /** What the agent does; resolves when its hooks have ended. */
  drain(): Promise<void>;
}

/** It starts: tell that it is ready. */
export function ownWorker({ bus }: Served, slot: number): OwnWorker {
  const known = { app: "app", slot, worker: 100 + slot, generation: 1 };
  const settings = bus.admit(known, { uid: null, gid: null });
  const draining = new AbortController();
  const hooks: (() => unknown)[] = [];
  const own = createWorkerBus(() => {
    const agent = {
      bus: settings && { ...settings, worker: known.worker },
      draining: draining.signal,
      onDrain: (_stage: string, hook: () => unknown) => hooks.push(hook),
    };
    return agent as unknown as WorkerHooks;
  });
  atEnd(() => own.close({ timeout: 1 }));
  return {
    own,
    tell: (event) => bus.hear(event, { ...known, pid: process.pid, why: "reload" } as never),
    async drain() {
      draining.abort();
      await Promise.all(hooks.map((hook) => hook()));
    },
  };
}

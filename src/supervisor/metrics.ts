/** Ties the metrics to the supervisor: what happens to workers is told, and apps are shown as they are. */

import { fileURLToPath } from "node:url";
import type { BusReading } from "../core/bus/counts.ts";
import type { Worker } from "../core/worker.ts";
import { Exposition, type Rendered } from "../metrics/exposition.ts";
import type { AppView, SuccessionView } from "../metrics/scene.ts";
import { MetricsStore } from "../metrics/store.ts";
import { packageVersionAbove } from "../system/places.ts";
import { statusOf } from "./app-control.ts";
import type { AppRunner } from "./app-runner.ts";
import type { Emit, SupervisorEvents } from "./events.ts";

/** How a reload that failed is called, by what serves after it. */
const FAILURES = {
  unchanged: "failure",
  mixed: "failure",
  "rolled-back": "rolled_back",
} as const;

/** Files whose package is known. */
const REMEMBERED = 200;

type Event<Name extends keyof SupervisorEvents> = SupervisorEvents[Name][0];
type Ears = { readonly [Name in keyof SupervisorEvents]?: (event: Event<Name>) => void };

export class SupervisorMetrics {
  readonly store: MetricsStore;
  readonly #exposition: Exposition;
  readonly #ears: Ears;

  constructor(
    apps: { known(): readonly AppRunner[] },
    bus: BusReading,
    continuity: () => { readonly succession: SuccessionView | null },
  ) {
    const versionOf = remembering((file) => packageVersionAbove(file) ?? "");
    this.store = new MetricsStore({
      bus,
      succession: () => continuity().succession,
      version: versionOf(fileURLToPath(import.meta.url)),
      apps: () => apps.known().map((runner) => viewOf(runner, versionOf)),
    });
    this.#exposition = new Exposition(this.store);
    const workerOf = (app: string, id: number): Worker | undefined =>
      apps
        .known()
        .find(({ options }) => options.name === app)
        ?.worker(id);
    this.#ears = earsOf(this.store, workerOf);
  }

  /** Never waits for a worker. */
  render(accept: string | undefined): Promise<Rendered> {
    return this.#exposition.render(accept);
  }

  /** What listeners are told is heard here first: their own scrape shows it. */
  readonly hear: Emit = (name, ...[event]) => {
    (this.#ears[name] as ((event: unknown) => void) | undefined)?.(event);
  };
}

function earsOf(
  store: MetricsStore,
  workerOf: (app: string, id: number) => Worker | undefined,
): Ears {
  const ref = ({ worker, slot }: { worker: number; slot: number }) => ({ id: worker, slot });
  return {
    "worker:start": (event) => store.workerStarted(event.app, ref(event)),
    "worker:adopted": (event) => {
      const worker = workerOf(event.app, event.worker);
      if (!worker) return;
      const { startedAt: now, readyAt } = worker;
      const startedAt = { now, wall: now + performance.timeOrigin };
      store.workerAdopted(event.app, ref(event), { startedAt, readyAt });
    },
    "worker:ready": (event) => store.workerReady(event.app, ref(event), event.tookMs),
    "worker:drain": (event) => store.workerDraining(event.app, ref(event)),
    "worker:exit": (event) => store.workerExited(event.app, ref(event), event),
    // One that was never restarted is in no loop.
    "slot:failed": ({ app, slot, crashes }) => store.slotFailed(app, slot, crashes > 0),
    "slot:recovered": ({ app, slot }) => store.slotFailed(app, slot, false),
    "reload:start": ({ app }) => store.reloadStarted(app),
    "reload:done": ({ app }) => store.reloadEnded(app, "success"),
    "reload:failed": ({ app, outcome }) => store.reloadEnded(app, FAILURES[outcome]),
    "app:stopped": ({ app }) => store.appStopped(app),
  };
}

function viewOf(runner: AppRunner, versionOf: (file: string) => string): AppView {
  const { options, launches, app } = runner;
  const script = launches.get(app.stable)?.script;
  return {
    status: statusOf(runner),
    mode: options.execMode,
    namespace: options.namespace,
    version: script === undefined ? "" : versionOf(script),
    memoryLimitBytes: options.maxMemoryBytes ?? options.maxMemoryHardBytes ?? 0,
    isSticky: options.sticky !== null && options.execMode === "cluster",
  };
}

/** A scrape reads no package.json twice. Releases come and go: only the last answers are kept. */
function remembering(find: (file: string) => string): (file: string) => string {
  const known = new Map<string, string>();
  return (file) => {
    const found = known.get(file) ?? find(file);
    known.set(file, found);
    const [oldest] = known.keys();
    if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
    return found;
  };
}

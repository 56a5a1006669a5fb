/** A store that is told by hand, its clock, and what a scrape of it says. */

import type { AppStatus, WorkerStatus } from "../../src/core/snapshot.ts";
import { METHODS, type WorkerStats } from "../../src/core/stats.ts";
import { Exposition } from "../../src/metrics/exposition.ts";
import { MetricsStore } from "../../src/metrics/store.ts";

/** Lines by name and labels. */
export type Scrape = ReadonlyMap<string, number>;

export function parse(body: string): Scrape {
  const lines = body.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** A beat with these values; what is left out is 0. */
export function stats(said: Partial<WorkerStats> = {}): WorkerStats {
  return {
    ...{ active: 0, idle: 0, delayP99: 0, delayMax: 0, heapUsed: 0, heapLimit: 0, external: 0 },
    ...{ cpuUser: 0, cpuSystem: 0, connections: 0, inFlight: 0, aborted: 0, handled: 0 },
    ...{ requests: {}, gc: {}, sticky: null },
    ...said,
  };
}

/** So many requests of 20 ms each. */
export function requests(method: (typeof METHODS)[number], code: number, count: number) {
  const buckets = Array.from({ length: 12 }, (_, index) => (index === 2 ? count : 0));
  return { [`${METHODS.indexOf(method)}:${code}`]: { sum: count * 0.02, buckets } };
}

export class Stand {
  now = 1_000_000;
  readonly apps = new Map<string, WorkerStatus[]>();
  readonly sizes = new Map<string, number>();
  /** Apps without sticky routing. */
  readonly plain = new Set<string>();
  readonly store = new MetricsStore({
    version: "1.2.3",
    succession: () => ({ pid: 7, takeovers: 2 }),
    apps: () => [...this.apps.keys()].map((name) => this.#view(name)),
    clock: () => ({ now: this.now, wall: this.now + 1_700_000_000_000 }),
  });
  readonly exposition = new Exposition(this.store);

  async scrape(): Promise<Scrape> {
    return parse((await this.exposition.render()).body);
  }

  /** A worker that is started and ready at once; gives who it is. */
  ready(app: string, id: number, slot: number): { id: number; slot: number } {
    this.#put(app, { id, slot, phase: "ready" });
    this.store.workerStarted(app, { id, slot });
    this.store.workerReady(app, { id, slot }, 700);
    return { id, slot };
  }

  exit(
    app: string,
    worker: { id: number; slot: number },
    exit: Partial<Parameters<MetricsStore["workerExited"]>[2]> = {},
  ): void {
    const all = this.apps.get(app) ?? [];
    this.apps.set(
      app,
      all.filter(({ id }) => id !== worker.id),
    );
    this.store.workerExited(app, worker, { reason: "reload", code: 0, signal: null, ...exit });
  }

  #put(app: string, { id, slot, phase }: Pick<WorkerStatus, "id" | "slot" | "phase">): void {
    const all = this.apps.get(app) ?? [];
    const status = { id, slot, phase, pid: null, generation: 1, ageMs: 0, settled: true };
    this.apps.set(app, [...all, status]);
  }

  #view(name: string) {
    const workers = this.apps.get(name) ?? [];
    const instances = this.sizes.get(name) ?? new Set(workers.map(({ slot }) => slot)).size;
    const status: AppStatus = {
      ...{ name, status: "running", instances, range: null, ready: workers.length },
      ...{ generation: 1, reloading: false, mixed: false, addresses: ["127.0.0.1:1"], workers },
      slots: Array.from({ length: instances }, (_, slot) => ({
        ...{ slot, state: "ready" as const, crashes: 0, retryInMs: null },
      })),
    };
    const isSticky = !this.plain.has(name);
    const facts = { mode: "cluster", namespace: "default", version: "9", memoryLimitBytes: 0 };
    return { status, ...facts, isSticky };
  }
}

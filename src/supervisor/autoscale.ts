/** Lets an app's number of workers follow its load: hears their beats, and asks the core once a second. */

import { decide, type ScalePolicy, type ScaleState } from "../core/scale.ts";
import type { WorkerStats } from "../core/stats.ts";
import type { Pulse } from "./pulse.ts";

const LOOK_EVERY_MS = 1000;
/** A worker that has not beaten for so long is not known to be anything. */
const STALE_MS = 5000;

/** What is looked at, a moment of an app's life. */
export interface Scene {
  readonly size: number;
  /** Ready workers, at most one for each slot. */
  readonly workers: readonly number[];
  /** A reload is under way, or a slot is not what it should be. */
  readonly held: boolean;
}

/** What the autoscaler needs of its app. */
export interface Autoscaled {
  /** Null while the app does not run, or its number of workers is fixed. */
  policy(): ScalePolicy | null;
  scene(): Scene;
  /** The most workers there is memory for; `wanted` where that is not known. */
  affordable(size: number, wanted: number): number;
  scale(from: number, to: number, why: string): void;
  /** There is no memory for more; told once until the size changes. */
  lacksMemory(size: number, wanted: number): void;
}

interface Beat {
  readonly active: number;
  readonly idle: number;
  /** Null after the first: a start is no load. */
  readonly utilisation: number | null;
  /** Of the monotonic clock. */
  readonly at: number;
}

export class Autoscale {
  readonly #app: Autoscaled;
  readonly #beats = new Map<number, Beat>();
  #state: ScaleState = null;
  readonly #pulse: Pulse;
  #end: (() => void) | null = null;
  #hasTold = false;

  constructor(app: Autoscaled, pulse: Pulse) {
    this.#app = app;
    this.#pulse = pulse;
  }

  /** From now on as the app's policy says; what has been seen so far stays known. */
  arm(): void {
    const policy = this.#app.policy();
    if (policy === null) return this.disarm();
    this.#end?.();
    const everyMs = Math.min(LOOK_EVERY_MS, policy.upAfterMs / 4);
    this.#end = this.#pulse.add(everyMs, () => this.#look());
  }

  /** Looks no more, and forgets all. */
  disarm(): void {
    this.#end?.();
    this.#end = null;
    this.#beats.clear();
    this.#state = null;
    this.#hasTold = false;
  }

  /** A worker's beat. */
  heard(worker: number, stats: Pick<WorkerStats, "active" | "idle"> | undefined): void {
    if (this.#end === null) return;
    const { active = Number.NaN, idle = Number.NaN } = stats ?? {};
    const last = this.#beats.get(worker);
    const utilisation = last ? shareOf(active - last.active, idle - last.idle) : null;
    this.#beats.set(worker, { active, idle, utilisation, at: performance.now() });
  }

  #look(): void {
    const policy = this.#app.policy();
    if (policy === null) return this.disarm();
    const { size, workers, held } = this.#app.scene();
    for (const worker of this.#beats.keys()) {
      if (!workers.includes(worker)) this.#beats.delete(worker);
    }
    // The wall clock: the monotonic one stands still while a Linux machine is suspended.
    const sample = { at: Date.now(), size, workers: workers.map((id) => this.#of(id)), held };
    const { state, size: wanted, why } = decide(this.#state, sample, policy);
    this.#state = state;
    if (why !== null) this.#scale(size, wanted, why);
  }

  #scale(size: number, wanted: number, why: string): void {
    const to = wanted > size ? this.#app.affordable(size, wanted) : wanted;
    if (to !== size) {
      this.#hasTold = false;
      return this.#app.scale(size, to, why);
    }
    if (!this.#hasTold) this.#app.lacksMemory(size, wanted);
    this.#hasTold = true;
  }

  #of(worker: number): number | null {
    const beat = this.#beats.get(worker);
    return beat && performance.now() - beat.at <= STALE_MS ? beat.utilisation : null;
  }
}

/** What a worker says is not trusted: nothing sensible is nothing known. */
function shareOf(active: number, idle: number): number | null {
  const share = active / (active + idle);
  return active >= 0 && idle >= 0 && share >= 0 ? share : null;
}

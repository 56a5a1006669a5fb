/** Looks at what workers use and how old they are, and has those above a limit replaced or killed. */

import type { AppOptions } from "../../config/app.ts";
import { HEALTH_DEFAULTS } from "../../config/health.ts";
import { type Choice, choose, mib, type Weighed } from "../../core/limits.ts";
import { usageOf } from "../../system/proc.ts";

/** Memory is looked at this often; what grows faster than that is the kernel's to stop. */
const LOOK_EVERY_MS = 2000;
/** Who is near the hard limit, or any other limit is set: this often. */
export const WEIGH_EVERY_MS = 1000;
/** Above this share of the hard limit a worker is near it. */
const NEAR = 0.7;

export interface Candidate extends Omit<Weighed, "memoryBytes"> {
  readonly pid: number;
  /** It serves; another one starts or leaves, and can only be killed. */
  readonly serves: boolean;
}

export interface Weighing {
  /** Workers that have a process. */
  candidates(): readonly Candidate[];
  isReloading(): boolean;
  replace(choice: Choice): void;
  kill(worker: number, why: string): void;
}

interface Weight {
  readonly bytes: number;
  readonly at: number;
}

export class Limits {
  readonly #app: Weighing;
  readonly #options: AppOptions;
  #weights = new Map<number, Weight>();
  /** When one was replaced while all failed their probes. */
  #allAt = Number.NEGATIVE_INFINITY;

  constructor(app: Weighing, options: AppOptions) {
    this.#app = app;
    this.#options = options;
  }

  /** Whether there is anything to look at before a worker says that it is unwell. */
  get isNeeded(): boolean {
    const { maxMemoryBytes, maxMemoryHardBytes, maxLifetimeMs, maxRequests } = this.#options;
    return [maxMemoryBytes, maxMemoryHardBytes, maxLifetimeMs, maxRequests].some(
      (limit) => limit !== null,
    );
  }

  look(): void {
    const now = performance.now();
    const candidates = this.#app.candidates();
    this.#weigh(candidates, now);
    const bytesOf = (id: number): number | null => this.#weights.get(id)?.bytes ?? null;
    const { maxMemoryHardBytes } = this.#options;
    for (const { id } of candidates) {
      const bytes = bytesOf(id);
      if (maxMemoryHardBytes === null || bytes === null || bytes <= maxMemoryHardBytes) continue;
      const why = `it uses ${mib(bytes)} of memory, and its hard limit is ${mib(maxMemoryHardBytes)}`;
      this.#app.kill(id, why);
    }
    if (this.#app.isReloading()) return;
    const serving = candidates
      .filter(({ serves, unwell }) => serves || unwell)
      .map((candidate) => ({ ...candidate, memoryBytes: bytesOf(candidate.id) }));
    const limits = { ...this.#options, health: this.#options.health ?? HEALTH_DEFAULTS };
    const choice = choose(serving, limits, now - this.#allAt);
    if (!choice) return;
    if (choice.isAll) this.#allAt = now;
    this.#app.replace(choice);
  }

  /** The kernel is asked for what may have changed enough to matter. */
  #weigh(candidates: readonly Candidate[], now: number): void {
    const { maxMemoryBytes, maxMemoryHardBytes } = this.#options;
    if (maxMemoryBytes === null && maxMemoryHardBytes === null) return;
    const near = (maxMemoryHardBytes ?? Number.POSITIVE_INFINITY) * NEAR;
    // Looks come a moment early or late.
    const isFresh = ({ bytes, at }: Weight): boolean =>
      now - at < (bytes > near ? WEIGH_EVERY_MS : LOOK_EVERY_MS) / 1.5;
    const weights = new Map<number, Weight>();
    for (const { id, pid } of candidates) {
      const known = this.#weights.get(id);
      const bytes = known && isFresh(known) ? null : (usageOf(pid)?.memoryBytes ?? null);
      if (bytes !== null) weights.set(id, { bytes, at: now });
      else if (known) weights.set(id, known);
    }
    this.#weights = weights;
  }
}

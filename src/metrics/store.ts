/**
 * What is known of all apps for whoever scrapes: workers tell it by themselves, the supervisor tells
 * what happens to them, and a scrape reads what is there.
 */

import { constants } from "node:os";
import { BusCounts, type BusReading } from "../core/bus/counts.ts";
import type { ExitReason } from "../core/worker.ts";
import { acceptQueues, pageSize, tablesOf } from "../system/proc-metrics.ts";
import {
  AppRecord,
  type Instant,
  type ReloadResult,
  type WorkerRecord,
  type WorkerRef,
} from "./app-record.ts";
import {
  type AppView,
  appScene,
  type Scene,
  type SuccessionView,
  sceneOfProcess,
} from "./scene.ts";

/** The kernel may take its time to list its sockets; a scrape does not wait longer. */
const QUEUES_WITHIN_MS = 10;

export interface MetricsFacts {
  /** Of Holdfast. */
  readonly version: string;
  /** Apps whose metrics are shown. */
  apps(): readonly AppView[];
  /** Default: nobody ever takes over. */
  succession?(): SuccessionView | null;
  /** Default: a bus that nobody uses. */
  readonly bus?: BusReading;
  /** The clock; default: this process's. */
  readonly clock?: () => Instant;
}

export class MetricsStore {
  readonly #facts: MetricsFacts;
  readonly #records = new Map<string, AppRecord>();
  readonly #clock: () => Instant;
  readonly #startedAt: Instant;
  readonly #bus: BusReading;
  #pageBytes: number | null | undefined;
  #queues: ReadonlyMap<number, number> | null = null;
  #asking: Promise<void> | null = null;

  constructor(facts: MetricsFacts) {
    this.#facts = facts;
    this.#clock = facts.clock ?? (() => ({ now: performance.now(), wall: Date.now() }));
    this.#startedAt = this.#clock();
    this.#bus = facts.bus ?? new BusCounts();
  }

  /** A worker's beat: `WorkerStats`, if it can be believed. */
  hearBeat(app: string, worker: WorkerRef, stats: unknown): void {
    this.#of(app).beat(worker, stats, this.#clock());
  }

  /** A worker's own registry: `AppMetric[]`, and how many series it has left out. */
  hearMetrics(
    app: string,
    worker: WorkerRef,
    said: { readonly metrics: unknown; readonly dropped: unknown; readonly maxSeries: number },
  ): void {
    this.#of(app).own.hear(worker, said.metrics, said.dropped, said.maxSeries);
  }

  workerStarted(app: string, worker: WorkerRef): void {
    this.#of(app).started(worker, this.#clock());
  }

  /** Another supervisor started it: it counts for what it does from now on, and for all it has done. */
  workerAdopted(
    app: string,
    worker: WorkerRef,
    since: Pick<WorkerRecord, "startedAt" | "readyAt">,
  ): void {
    Object.assign(this.#of(app).worker(worker, since.startedAt), since);
  }

  workerReady(app: string, worker: WorkerRef, tookMs: number): void {
    this.#of(app).ready(worker, tookMs, this.#clock());
  }

  workerDraining(app: string, worker: WorkerRef): void {
    this.#of(app).draining(worker, this.#clock());
  }

  workerExited(
    app: string,
    worker: WorkerRef,
    exit: {
      readonly reason: ExitReason;
      readonly code: number | null;
      readonly signal: string | null;
    },
  ): void {
    const isKilled = exit.signal === "SIGKILL";
    const facts = { ...worker, reason: exit.reason, code: shellCode(exit), isKilled };
    this.#of(app).exited(facts, this.#clock());
  }

  /** The slot has spent its restart budget, or works again. */
  slotFailed(app: string, slot: number, isFailed: boolean): void {
    this.#of(app).failed(slot, isFailed);
  }

  reloadStarted(app: string): void {
    this.#of(app).reloading(this.#clock());
  }

  reloadEnded(app: string, result: ReloadResult): void {
    this.#of(app).reloaded(result, this.#clock());
  }

  appStopped(app: string): void {
    this.#of(app).stopped();
  }

  /** The app is gone, and all its series. */
  forget(app: string): void {
    this.#records.delete(app);
  }

  /** What a scrape shows, all of the same instant. */
  async scene(): Promise<Scene> {
    await this.#askForQueues();
    this.#pageBytes ??= pageSize();
    const around = { queues: this.#queues, pageBytes: this.#pageBytes };
    const at = this.#clock();
    return {
      version: this.#facts.version,
      at,
      startedAt: this.#startedAt,
      process: sceneOfProcess(),
      bus: this.#bus,
      succession: this.#facts.succession?.() ?? null,
      apps: this.#facts
        .apps()
        .map((view) => appScene(view, this.#of(view.status.name), at, around)),
    };
  }

  /** The queues as they are now, or were at the last scrape where the kernel is slow. */
  async #askForQueues(): Promise<void> {
    const tables = tablesOf(this.#facts.apps().flatMap(({ status }) => status.addresses));
    if (tables.length === 0) return;
    this.#asking ??= acceptQueues(tables)
      .catch(() => null)
      .then((queues) => {
        this.#queues = queues;
        this.#asking = null;
      });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, QUEUES_WITHIN_MS);
    });
    await Promise.race([this.#asking, late]);
    clearTimeout(timer);
  }

  #of(app: string): AppRecord {
    const known = this.#records.get(app);
    if (known) return known;
    const fresh = new AppRecord(app);
    this.#records.set(app, fresh);
    return fresh;
  }
}

function shellCode({
  code,
  signal,
}: {
  code: number | null;
  signal: string | null;
}): number | null {
  const number = signal === null ? undefined : constants.signals[signal as NodeJS.Signals];
  return number === undefined ? code : 128 + number;
}

/** What is remembered of one app between scrapes. It only ever counts upwards, whatever its workers do. Pure. */

import { type ExitReason, isWanted } from "../core/worker.ts";
import { type Beat, beatIn } from "./beat.ts";
import { FAMILIES, KILL_REASONS, type RELOAD_RESULTS } from "./families.ts";
import { Histogram, type Labels } from "./histogram.ts";
import { Tallies, Tally } from "./merge.ts";
import { OwnMetrics } from "./own-metrics.ts";

/** A worker's beats come once a second, or more often. */
const BEAT_EVERY_MS = 1000;

/** Of the monotonic clock and since 1970, in milliseconds. */
export interface Instant {
  readonly now: number;
  readonly wall: number;
}

export interface WorkerRef {
  readonly id: number;
  readonly slot: number;
}

/** What is remembered of one living worker. */
export interface WorkerRecord extends WorkerRef {
  readonly startedAt: Instant;
  readyAt: number | null;
  drainingAt: number | null;
  heardAt: Instant | null;
  beat: Beat | null;
  /** The last beat, as long as nobody has looked at it. */
  unread: { readonly stats: unknown } | null;
  /** Does not change in a process's life; undefined: not looked up yet. */
  maxFds?: number | null;
}

/** What outlives the workers of a slot. */
export interface SlotRecord {
  restarts: number;
  misses: number;
  lastExitCode: number;
  /** Its worker has ended without being asked to, and none has followed yet. */
  isBereft: boolean;
  /** Milliseconds active and idle, user and system. */
  readonly loop: Tally;
  readonly cpu: Tally;
  /** Made once: the text of labels is remembered with the object. */
  readonly labels: { readonly app: string; readonly worker: number };
  readonly loopLabels: readonly Labels[];
  readonly cpuLabels: readonly Labels[];
}

export type ReloadResult = (typeof RELOAD_RESULTS)[number];

export interface ExitFacts extends WorkerRef {
  readonly reason: ExitReason;
  /** As a shell tells it: 128 and the number for a signal. Null where there was no process. */
  readonly code: number | null;
  readonly isKilled: boolean;
}

export class AppRecord {
  readonly workers = new Map<number, WorkerRecord>();
  readonly slots = new Map<number, SlotRecord>();
  readonly own = new OwnMetrics();
  readonly requests = new Tallies<string>();
  readonly gc = new Tallies<string>();
  readonly aborted = new Tally();
  /** In the order of `STICKY_RESULTS`. */
  readonly sticky = new Tally();
  readonly exits = new Map<ExitReason, number>();
  readonly kills = new Map<string, number>();
  readonly reloads = new Map<ReloadResult, number>();
  readonly failedSlots = new Set<number>();
  readonly startup = bucketsOf("holdfast_worker_startup_duration_seconds");
  readonly drain = bucketsOf("holdfast_worker_drain_duration_seconds");
  readonly reload = bucketsOf("holdfast_app_reload_duration_seconds");
  starts = 0;
  readonly #app: string;
  #reloadingSince: number | null = null;

  constructor(app: string) {
    this.#app = app;
  }

  slot(slot: number): SlotRecord {
    const known = this.slots.get(slot);
    if (known) return known;
    const labels = { app: this.#app, worker: slot };
    const fresh: SlotRecord = {
      ...{ restarts: 0, misses: 0, lastExitCode: -1, isBereft: false },
      loop: new Tally(),
      cpu: new Tally(),
      labels,
      loopLabels: ["active", "idle"].map((state) => ({ ...labels, state })),
      cpuLabels: ["user", "system"].map((mode) => ({ ...labels, mode })),
    };
    this.slots.set(slot, fresh);
    return fresh;
  }

  worker({ id, slot }: WorkerRef, at: Instant): WorkerRecord {
    const known = this.workers.get(id);
    if (known) return known;
    const fresh: WorkerRecord = {
      ...{ id, slot, startedAt: at, readyAt: null, drainingAt: null },
      ...{ heardAt: null, beat: null, unread: null },
    };
    this.workers.set(id, fresh);
    return fresh;
  }

  /** Only kept: all counts run from the worker's start, so the last beat before a scrape tells them all. */
  beat(ref: WorkerRef, stats: unknown, at: Instant): void {
    const worker = this.worker(ref, at);
    this.slot(worker.slot).misses += missesOf(worker, at.now);
    worker.unread = { stats };
    worker.heardAt = at;
  }

  /** Counts what the worker has said since it was last read. */
  read(worker: WorkerRecord): void {
    if (worker.unread === null) return;
    const { id } = worker;
    const beat = beatIn(worker.unread.stats);
    const slot = this.slot(worker.slot);
    Object.assign(worker, { beat, unread: null });
    slot.loop.hearAll(id, [beat.active, beat.idle]);
    slot.cpu.hearAll(id, [beat.cpuUser, beat.cpuSystem]);
    this.aborted.hear(id, 0, beat.aborted);
    this.sticky.hearAll(id, beat.sticky?.results ?? []);
    for (const [key, vector] of beat.requests) this.requests.of(key).hearAll(id, vector);
    for (const [kind, vector] of beat.gc) this.gc.of(kind).hearAll(id, vector);
  }

  started(ref: WorkerRef, at: Instant): void {
    this.worker(ref, at);
    this.starts += 1;
    const slot = this.slot(ref.slot);
    if (slot.isBereft) slot.restarts += 1;
    slot.isBereft = false;
  }

  ready(ref: WorkerRef, tookMs: number, at: Instant): void {
    this.worker(ref, at).readyAt = at.now;
    this.startup.observe(tookMs / 1000);
  }

  draining(ref: WorkerRef, at: Instant): void {
    const worker = this.worker(ref, at);
    // What it misses from now on is no sign of anything.
    this.slot(ref.slot).misses += missesOf(worker, at.now);
    worker.drainingAt ??= at.now;
  }

  exited({ id, slot, reason, code, isKilled }: ExitFacts, at: Instant): void {
    const worker = this.worker({ id, slot }, at);
    this.read(worker);
    const place = this.slot(slot);
    place.misses += missesOf(worker, at.now);
    if (code !== null) place.lastExitCode = code;
    if (worker.drainingAt !== null) this.drain.observe((at.now - worker.drainingAt) / 1000);
    raise(this.exits, reason);
    if (isKilled && KILL_REASONS.some((known) => known === reason)) raise(this.kills, reason);
    this.#forget(id);
    // The successor of one that hung serves before it is killed.
    const isReplaced = [...this.workers.values()].some((other) => other.slot === slot);
    if (isWanted(reason)) return;
    if (isReplaced) place.restarts += 1;
    else place.isBereft = true;
  }

  failed(slot: number, isFailed: boolean): void {
    if (isFailed) this.failedSlots.add(slot);
    else this.failedSlots.delete(slot);
  }

  reloading(at: Instant): void {
    this.#reloadingSince = at.now;
  }

  reloaded(result: ReloadResult, at: Instant): void {
    raise(this.reloads, result);
    if (this.#reloadingSince !== null) this.reload.observe((at.now - this.#reloadingSince) / 1000);
    this.#reloadingSince = null;
  }

  /** Nothing is tried any more. */
  stopped(): void {
    this.failedSlots.clear();
    for (const slot of this.slots.values()) slot.isBereft = false;
  }

  #forget(id: number): void {
    this.workers.delete(id);
    this.requests.forget(id);
    this.gc.forget(id);
    this.aborted.forget(id);
    this.sticky.forget(id);
    this.own.forget(id);
    for (const { loop, cpu } of this.slots.values()) {
      loop.forget(id);
      cpu.forget(id);
    }
  }
}

/** Beats that a ready worker should have sent since it was last heard or became ready, the one under way left out. */
export function missesOf(worker: WorkerRecord, now: number): number {
  const { readyAt, heardAt, drainingAt } = worker;
  if (readyAt === null || drainingAt !== null) return 0;
  const since = Math.max(heardAt?.now ?? 0, readyAt);
  return Math.max(0, Math.floor((now - since) / BEAT_EVERY_MS) - 1);
}

function raise<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function bucketsOf(
  name:
    | "holdfast_worker_startup_duration_seconds"
    | "holdfast_worker_drain_duration_seconds"
    | "holdfast_app_reload_duration_seconds",
): Histogram {
  return new Histogram(FAMILIES[name].buckets ?? []);
}

/** Everything one scrape shows, gathered at one instant from memory and /proc. Nobody is asked. */

import { performance } from "node:perf_hooks";
import type { BusReading } from "../core/bus/counts.ts";
import type { AppStatus, SlotStatus, WorkerStatus } from "../core/snapshot.ts";
import { maxFdsOf, openFdsOf, type ProcessReading, readProcess } from "../system/proc-metrics.ts";
import type { AppRecord, Instant, SlotRecord, WorkerRecord } from "./app-record.ts";

/** A ready worker that was not heard for so long is stale. */
const STALE_MS = 3000;

/** What the supervisor says of an app. */
export interface AppView {
  readonly status: AppStatus;
  readonly mode: string;
  readonly namespace: string;
  /** Of the app's package; "" where it has none. */
  readonly version: string;
  /** 0 for none. */
  readonly memoryLimitBytes: number;
  /** Its workers route by session. */
  readonly isSticky: boolean;
}

/** How the supervisor would be, and has been, replaced. */
export interface SuccessionView {
  /** Of who would take over; null while there is nobody. */
  readonly pid: number | null;
  readonly takeovers: number;
}

export interface Scene {
  readonly version: string;
  readonly at: Instant;
  readonly startedAt: Instant;
  readonly process: {
    readonly cpu: NodeJS.CpuUsage;
    readonly residentBytes: number;
    /** Milliseconds. */
    readonly loop: { readonly active: number; readonly idle: number };
  };
  readonly bus: BusReading;
  /** Null where there never is an heir. */
  readonly succession: SuccessionView | null;
  readonly apps: readonly AppScene[];
}

export interface AppScene {
  readonly view: AppView;
  readonly record: AppRecord;
  readonly at: Instant;
  /** The app's own slots and those that still have a worker, in their order. */
  readonly slots: readonly SlotScene[];
  /** Slots that were there once, too. */
  readonly everySlot: readonly (readonly [number, SlotRecord])[];
  /** Waiting connections by port. */
  readonly queues: ReadonlyMap<number, number> | null;
}

export interface SlotScene {
  readonly slot: number;
  readonly labels: SlotRecord["labels"];
  readonly status: SlotStatus | null;
  /** The worker that stands for the slot: the newest that is ready, else the newest. */
  readonly worker: Seen | null;
  /** It and those that are leaving. */
  readonly workers: readonly Seen[];
  readonly isStale: boolean;
}

export interface Seen {
  readonly status: WorkerStatus;
  readonly record: WorkerRecord;
  readonly reading: ProcessReading | null;
  readonly openFds: number | null;
}

export function sceneOfProcess(): Scene["process"] {
  const { active, idle } = performance.eventLoopUtilization();
  return {
    cpu: process.cpuUsage(),
    residentBytes: process.memoryUsage.rss(),
    loop: { active, idle },
  };
}

export function appScene(
  view: AppView,
  record: AppRecord,
  at: Instant,
  around: { readonly queues: AppScene["queues"]; readonly pageBytes: number | null },
): AppScene {
  const { status } = view;
  const bySlot = new Map<number, Seen[]>();
  for (const worker of status.workers) {
    const seen = look(worker, record, at, around.pageBytes);
    bySlot.set(worker.slot, [...(bySlot.get(worker.slot) ?? []), seen]);
  }
  const numbers = new Set([...status.slots.map(({ slot }) => slot), ...bySlot.keys()]);
  const slots = [...numbers]
    .sort((left, right) => left - right)
    .map((slot) => slotScene(status, record.slot(slot).labels, bySlot.get(slot) ?? [], at));
  const everySlot = [...record.slots].sort(([left], [right]) => left - right);
  return { view, record, at, slots, everySlot, queues: around.queues };
}

function slotScene(
  app: AppStatus,
  labels: SlotRecord["labels"],
  workers: readonly Seen[],
  { now }: Instant,
): SlotScene {
  const slot = labels.worker;
  const newest = [...workers].sort((left, right) => right.status.id - left.status.id);
  const worker = newest.find(({ status }) => status.phase === "ready") ?? newest[0] ?? null;
  const heardAt = worker?.record.heardAt?.now ?? 0;
  const since = Math.max(heardAt, worker?.record.readyAt ?? 0);
  return {
    slot,
    labels,
    status: app.slots.find((each) => each.slot === slot) ?? null,
    worker,
    workers,
    isStale: worker?.status.phase === "ready" && now - since > STALE_MS,
  };
}

/** The CPU time of /proc counts as soon as it is seen: a worker that hangs does not tell its own. */
function look(
  status: WorkerStatus,
  record: AppRecord,
  at: Instant,
  pageBytes: number | null,
): Seen {
  const { id, slot, pid } = status;
  const worker = record.worker({ id, slot }, at);
  record.read(worker);
  if (pid === null || pageBytes === null)
    return { status, record: worker, reading: null, openFds: null };
  const reading = readProcess(pid, pageBytes);
  if (reading) record.slot(slot).cpu.hearAll(id, [reading.cpuUserMs, reading.cpuSystemMs]);
  if (worker.maxFds === undefined) worker.maxFds = maxFdsOf(pid);
  return { status, record: worker, reading, openFds: openFdsOf(pid) };
}

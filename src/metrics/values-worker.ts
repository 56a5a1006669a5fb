/** The lines of what is told slot by slot. Counts go on for slots that were there once. Pure. */

import { missesOf, type SlotRecord, type WorkerRecord } from "./app-record.ts";
import type { Beat } from "./beat.ts";
import type { Labels, Sample } from "./histogram.ts";
import type { Tally } from "./merge.ts";
import type { AppScene, Scene, Seen, SlotScene } from "./scene.ts";

export const WORKER_VALUES = {
  holdfast_worker_restarts_total: ofEverySlot(({ restarts }) => restarts),
  holdfast_worker_heartbeat_misses_total: ofEverySlot(({ misses }, app, slot) => {
    const pending = workersOf(app, slot).map(({ record }) => missesOf(record, app.at.now));
    return pending.reduce((sum, more) => sum + more, misses);
  }),
  holdfast_worker_up: ofSlots(({ worker }) => (worker?.status.phase === "ready" ? 1 : 0)),
  holdfast_worker_stale: ofSlots(({ isStale }) => (isStale ? 1 : 0)),
  holdfast_worker_pid: ofWorkers(({ status }) => status.pid),
  holdfast_worker_start_time_seconds: ofWorkers(({ record }) => record.startedAt.wall / 1000),
  holdfast_worker_last_heartbeat_timestamp_seconds: ofWorkers(
    ({ record: { heardAt } }) => heardAt && heardAt.wall / 1000,
  ),
  holdfast_worker_last_exit_code: ofSlots(({ slot }, { record }) => record.slot(slot).lastExitCode),
  holdfast_worker_restart_backoff_seconds: ofSlots(
    ({ status }) => Math.max(0, status?.retryInMs ?? 0) / 1000,
  ),
  holdfast_worker_cpu_seconds_total: twoCounts(({ cpu, cpuLabels }) => [cpu, cpuLabels]),
  holdfast_worker_resident_memory_bytes: ofWorkers(({ reading }) => reading?.residentBytes ?? null),
  holdfast_worker_heap_used_bytes: ofBeats(({ heapUsed }) => heapUsed),
  holdfast_worker_heap_limit_bytes: ofBeats(({ heapLimit }) => heapLimit),
  holdfast_worker_external_memory_bytes: ofBeats(({ external }) => external),
  holdfast_worker_open_fds: ofWorkers(({ openFds }) => openFds),
  holdfast_worker_max_fds: ofWorkers(({ record }) => record.maxFds ?? null),
  holdfast_worker_eventloop_seconds_total: twoCounts(({ loop, loopLabels }) => [loop, loopLabels]),
  holdfast_worker_eventloop_delay_p99_seconds: ofBeats(
    ({ delayP99 }) => delayP99 && delayP99 / 1000,
  ),
  holdfast_worker_eventloop_delay_max_seconds: ofBeats(
    ({ delayMax }) => delayMax && delayMax / 1000,
  ),
  holdfast_worker_connections: ofSlots((slot) => sumOf(slot, ({ connections }) => connections)),
  holdfast_http_requests_in_flight: ofSlots((slot) => sumOf(slot, ({ inFlight }) => inFlight)),
  holdfast_sticky_sessions: ofSlots((slot, { view }) => {
    const isShown = view.isSticky || slot.workers.some(({ record: { beat } }) => beat?.sticky);
    return isShown ? sumOf(slot, ({ sticky }) => sticky?.sessions ?? null) : null;
  }),
};

/** One line for each slot the app has now; null: nothing is known. */
function ofSlots(
  value: (slot: SlotScene, app: AppScene) => number | null,
): (scene: Scene) => Sample[] {
  return ({ apps }) =>
    apps.flatMap((app) =>
      app.slots.flatMap((slot) => {
        const found = value(slot, app);
        return found === null ? [] : [{ labels: slot.labels, value: found }];
      }),
    );
}

function ofWorkers(value: (worker: Seen) => number | null): (scene: Scene) => Sample[] {
  return ofSlots(({ worker }) => worker && value(worker));
}

function ofBeats(value: (beat: Beat) => number | null): (scene: Scene) => Sample[] {
  return ofWorkers(({ record: { beat } }) => beat && value(beat));
}

/** Those who leave serve, too. */
function sumOf({ workers }: SlotScene, value: (beat: Beat) => number | null): number {
  return workers.reduce((sum, { record: { beat } }) => sum + ((beat && value(beat)) ?? 0), 0);
}

function ofEverySlot(
  value: (slot: SlotRecord, app: AppScene, number: number) => number,
): (scene: Scene) => Sample[] {
  return ({ apps }) =>
    apps.flatMap((app) =>
      app.everySlot.map(([slot, record]) => ({
        labels: record.labels,
        value: value(record, app, slot),
      })),
    );
}

/** Two counts of milliseconds as seconds. */
function twoCounts(
  countsOf: (slot: SlotRecord) => readonly [Tally, readonly Labels[]],
): (scene: Scene) => Sample[] {
  return ({ apps }) =>
    apps.flatMap((app) =>
      app.everySlot.flatMap(([_slot, record]) => {
        const [tally, labels] = countsOf(record);
        return labels.map((each, index) => ({ labels: each, value: tally.at(index) / 1000 }));
      }),
    );
}

function workersOf(app: AppScene, slot: number): readonly { readonly record: WorkerRecord }[] {
  return app.slots.find((each) => each.slot === slot)?.workers ?? [];
}

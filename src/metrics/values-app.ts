/** The lines of what is told of an app as a whole. Pure. */

import {
  GC_BUCKETS,
  GC_KINDS,
  METHODS,
  REQUEST_BUCKETS,
  STATUS_CLASSES,
  STICKY_RESULTS,
} from "../core/stats.ts";
import { EXIT_REASONS } from "../core/worker.ts";
import { REQUEST_KEYS } from "./beat.ts";
import { KILL_REASONS, RELOAD_RESULTS, WORKER_STATES } from "./families.ts";
import { histogramSamples, type Labels, type Sample } from "./histogram.ts";
import type { Tally } from "./merge.ts";
import type { AppScene, Scene } from "./scene.ts";

/** Series that are there before the first such request: GET and POST with 2xx to 5xx. */
const COMMON_REQUESTS: readonly string[] = (["GET", "POST"] as const).flatMap((name) =>
  [2, 3, 4, 5].map((code) => `${METHODS.indexOf(name)}:${code}`),
);

export const APP_VALUES = {
  holdfast_app_info: ofApps(({ view: { mode, namespace, version } }) => [
    [{ mode, namespace, version }, 1],
  ]),
  holdfast_app_up: ofApps(({ view }) => [[{}, view.status.ready > 0 ? 1 : 0]]),
  holdfast_app_workers_desired: ofApps(({ view: { status } }) => [
    [{}, status.status === "running" ? status.instances : 0],
  ]),
  holdfast_app_workers: ofApps((app) =>
    WORKER_STATES.map((state) => [{ state }, countOf(app, state)]),
  ),
  holdfast_app_generation: ofApps(({ view }) => [[{}, view.status.generation]]),
  holdfast_app_crash_looping: ofApps(({ view, record }) => [
    [{}, [...record.failedSlots].some((slot) => slot < view.status.instances) ? 1 : 0],
  ]),
  holdfast_app_reload_in_progress: ofApps(({ view }) => [[{}, view.status.reloading ? 1 : 0]]),
  holdfast_app_reloads_total: ofApps(({ record }) =>
    RELOAD_RESULTS.map((result) => [{ result }, record.reloads.get(result) ?? 0]),
  ),
  holdfast_app_reload_duration_seconds: histograms((app, name) =>
    app.record.reload.samples(name, labelsOf(app)),
  ),
  holdfast_app_memory_limit_bytes: ofApps(({ view }) => [[{}, view.memoryLimitBytes]]),
  holdfast_worker_starts_total: ofApps(({ record }) => [[{}, record.starts]]),
  holdfast_worker_exits_total: ofApps(({ record }) =>
    EXIT_REASONS.map((reason) => [{ reason }, record.exits.get(reason) ?? 0]),
  ),
  holdfast_worker_forced_kills_total: ofApps(({ record }) =>
    KILL_REASONS.map((reason) => [{ reason }, record.kills.get(reason) ?? 0]),
  ),
  holdfast_worker_startup_duration_seconds: histograms((app, name) =>
    app.record.startup.samples(name, labelsOf(app)),
  ),
  holdfast_worker_drain_duration_seconds: histograms((app, name) =>
    app.record.drain.samples(name, labelsOf(app)),
  ),
  holdfast_worker_gc_duration_seconds: histograms((app, name) =>
    GC_KINDS.flatMap((kind) =>
      distribution(name, { ...labelsOf(app), kind }, GC_BUCKETS, app.record.gc.of(kind)),
    ),
  ),
  holdfast_http_request_duration_seconds: histograms((app, name) =>
    REQUEST_KEYS.filter((key) => isShown(app, key)).flatMap((key) => {
      const [method = 0, code = 0] = key.split(":").map(Number);
      const labels = { method: METHODS[method] ?? "OTHER", code: STATUS_CLASSES[code - 1] ?? "" };
      const tally = app.record.requests.of(key);
      return distribution(name, { ...labelsOf(app), ...labels }, REQUEST_BUCKETS, tally);
    }),
  ),
  holdfast_http_requests_aborted_total: ofApps(({ record }) => [[{}, record.aborted.at(0)]]),
  holdfast_listen_queue_length: ofApps(({ view, queues }) =>
    view.status.addresses.flatMap((address) => {
      const length = queues?.get(Number(/:(\d+)$/.exec(address)?.[1] ?? "none"));
      return length === undefined ? [] : [[{ address }, length] as const];
    }),
  ),
  holdfast_sticky_requests_total: ofApps(({ view, record }) => {
    const counts = STICKY_RESULTS.map((result, index) => ({
      result,
      count: record.sticky.at(index),
    }));
    // What was counted stays when the app is sticky no longer.
    const isShown = view.isSticky || counts.some(({ count }) => count > 0);
    return isShown ? counts.map(({ result, count }) => [{ result }, count] as const) : [];
  }),
  holdfast_metrics_stale_workers: ofApps(({ slots }) => [
    [{}, slots.filter(({ isStale }) => isStale).length],
  ]),
  holdfast_metrics_series: ofApps(({ record }) => [[{}, record.own.size]]),
  holdfast_metrics_dropped_series_total: ofApps(({ record }) => [[{}, record.own.dropped]]),
};

function ofApps(
  values: (app: AppScene) => readonly (readonly [Labels, number])[],
): (scene: Scene) => Sample[] {
  return ({ apps }) =>
    apps.flatMap((app) =>
      values(app).map(([labels, value]) => ({ labels: { ...labelsOf(app), ...labels }, value })),
    );
}

function histograms(
  samples: (app: AppScene, name: string) => Sample[],
): (scene: Scene, name?: string) => Sample[] {
  return ({ apps }, name = "") => apps.flatMap((app) => samples(app, name));
}

function labelsOf({ view }: AppScene): { app: string } {
  return { app: view.status.name };
}

function distribution(
  name: string,
  labels: Labels,
  bounds: readonly number[],
  tally: Tally,
): Sample[] {
  const buckets = Array.from({ length: bounds.length + 1 }, (_, index) => tally.at(index));
  return histogramSamples(name, labels, bounds, buckets, tally.at(bounds.length + 1));
}

/** What was ever used, and what is common of an app that listens. */
function isShown({ view, record }: AppScene, key: string): boolean {
  const isCommon = view.status.addresses.length > 0 && COMMON_REQUESTS.includes(key);
  return isCommon || record.requests.has(key);
}

function countOf({ view }: AppScene, state: (typeof WORKER_STATES)[number]): number {
  const { workers, slots, status } = view.status;
  const phase = state === "stopping" ? "killing" : state;
  if (state !== "backoff" && state !== "failed" && state !== "done")
    return workers.filter((worker) => worker.phase === phase).length;
  const wanted = state === "backoff" ? "waiting" : state;
  return status === "running" ? slots.filter((slot) => slot.state === wanted).length : 0;
}

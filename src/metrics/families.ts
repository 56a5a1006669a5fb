/** THE table of what is exported. Names and labels are an interface: alerts and dashboards are written against it. */

import { BUS_DROPS, BUS_KINDS, BUS_RESULTS } from "../core/bus/counts.ts";
import { QUEUE_EVENTS } from "../core/queue/reading.ts";
import {
  GC_BUCKETS,
  GC_KINDS,
  METHODS,
  REQUEST_BUCKETS,
  STATUS_CLASSES,
  STICKY_RESULTS,
} from "../core/stats.ts";
import { EXIT_REASONS } from "../core/worker.ts";

export type FamilyType = "counter" | "gauge" | "histogram";

export interface Family {
  readonly type: FamilyType;
  readonly help: string;
  /** In the order in which they are written. `worker` is the slot, never a process. */
  readonly labels: readonly string[];
  /** Of histograms: upper bounds, in the unit of the name. */
  readonly buckets?: readonly number[];
}

/** The closed lists of values some labels have, by family and label. All of them are there from the start. */
export const WORKER_STATES = [
  ...["starting", "ready", "draining", "stopping", "backoff", "failed", "done"],
] as const;
export const RELOAD_RESULTS = ["success", "failure", "rolled_back"] as const;
/** Why a worker was killed that did not go by itself. */
export const KILL_REASONS = [
  "drain_timeout",
  "unresponsive",
  "killed",
  "stopped",
  "startup_timeout",
  "memory_limit",
] as const;

const RELOAD_BUCKETS = [1, 2.5, 5, 10, 30, 60, 120, 300];
const STARTUP_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const DRAIN_BUCKETS = [0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60];

const A = ["app"];
const W = ["app", "worker"];
const gauge = (labels: readonly string[], help: string): Family => ({
  type: "gauge",
  help,
  labels,
});
const counter = (labels: readonly string[], help: string): Family => ({
  type: "counter",
  help,
  labels,
});
const histogram = (
  labels: readonly string[],
  buckets: readonly number[],
  help: string,
): Family => ({ type: "histogram", help, labels, buckets });

export const FAMILIES = {
  holdfast_build_info: gauge(["version", "node_version"], "Build of the supervisor, always 1"),
  holdfast_supervisor_start_time_seconds: gauge(
    [],
    "When the supervisor began to count, Unix time",
  ),
  holdfast_supervisor_cpu_seconds_total: counter(["mode"], "CPU time of the supervisor's process"),
  holdfast_supervisor_resident_memory_bytes: gauge([], "Resident memory of the supervisor"),
  holdfast_supervisor_eventloop_seconds_total: counter(
    ["state"],
    "Time the supervisor's event loop was active and idle",
  ),
  holdfast_heir_up: gauge([], "A standby process would take over from the supervisor"),
  holdfast_takeovers_total: counter(
    [],
    "Supervisors that have taken over from one that was killed or upgraded",
  ),

  holdfast_app_info: gauge(
    ["app", "mode", "namespace", "version"],
    "Static facts about an app, always 1",
  ),
  holdfast_app_up: gauge(A, "At least one worker is ready"),
  holdfast_app_workers_desired: gauge(A, "Workers the app should have"),
  holdfast_app_workers: gauge(
    ["app", "state"],
    "Workers by what they do, and slots without one by why",
  ),
  holdfast_app_generation: gauge(A, "The generation that last settled in every slot"),
  holdfast_app_crash_looping: gauge(A, "A slot has spent its restart budget"),
  holdfast_app_reload_in_progress: gauge(A, "A reload is under way"),
  holdfast_app_reloads_total: counter(["app", "result"], "Reloads that have ended, by result"),
  holdfast_app_reload_duration_seconds: histogram(A, RELOAD_BUCKETS, "Duration of reloads"),
  holdfast_app_memory_limit_bytes: gauge(A, "Memory limit of each worker, 0 for none"),

  holdfast_worker_starts_total: counter(A, "Processes started"),
  holdfast_worker_exits_total: counter(["app", "reason"], "Processes that have ended, by reason"),
  holdfast_worker_restarts_total: counter(
    W,
    "Processes that replaced one which nobody had asked to go",
  ),
  holdfast_worker_forced_kills_total: counter(
    ["app", "reason"],
    "Processes killed by SIGKILL, by reason",
  ),
  holdfast_worker_heartbeat_misses_total: counter(
    W,
    "Heartbeats of ready workers that did not come",
  ),
  holdfast_worker_startup_duration_seconds: histogram(A, STARTUP_BUCKETS, "From start to ready"),
  holdfast_worker_drain_duration_seconds: histogram(
    A,
    DRAIN_BUCKETS,
    "From being asked to go to the end of the process",
  ),
  holdfast_worker_up: gauge(W, "The slot has a ready worker"),
  holdfast_worker_stale: gauge(W, "The slot's ready worker has said nothing for 3 seconds"),
  holdfast_worker_pid: gauge(W, "Process id of the slot's worker, as a value"),
  holdfast_worker_start_time_seconds: gauge(W, "When the slot's worker was started, Unix time"),
  holdfast_worker_last_heartbeat_timestamp_seconds: gauge(W, "When it was last heard, Unix time"),
  holdfast_worker_last_exit_code: gauge(
    W,
    "Exit code of the slot's last worker, 128 and the number for signals, -1 for none yet",
  ),
  holdfast_worker_restart_backoff_seconds: gauge(
    W,
    "Time until the slot is tried again, 0 for no wait",
  ),
  holdfast_worker_cpu_seconds_total: counter(
    ["app", "worker", "mode"],
    "CPU time of all processes the slot has had",
  ),
  holdfast_worker_resident_memory_bytes: gauge(W, "Resident memory"),
  holdfast_worker_heap_used_bytes: gauge(W, "JavaScript heap in use"),
  holdfast_worker_heap_limit_bytes: gauge(W, "Where the JavaScript heap ends"),
  holdfast_worker_external_memory_bytes: gauge(W, "Memory outside the heap that objects hold"),
  holdfast_worker_open_fds: gauge(W, "Open file descriptors"),
  holdfast_worker_max_fds: gauge(W, "Limit of open file descriptors"),
  holdfast_worker_eventloop_seconds_total: counter(
    ["app", "worker", "state"],
    "Time the event loops of all the slot's workers were active and idle",
  ),
  holdfast_worker_eventloop_delay_p99_seconds: gauge(
    W,
    "Event loop delay in the last second, 99th percentile",
  ),
  holdfast_worker_eventloop_delay_max_seconds: gauge(
    W,
    "Event loop delay in the last second, longest",
  ),
  holdfast_worker_gc_duration_seconds: histogram(
    ["app", "kind"],
    GC_BUCKETS,
    "Pauses for garbage collection",
  ),
  holdfast_worker_connections: gauge(W, "Open connections of the slot's servers"),

  holdfast_http_request_duration_seconds: histogram(
    ["app", "method", "code"],
    REQUEST_BUCKETS,
    "From the request to the end of its response",
  ),
  holdfast_http_requests_in_flight: gauge(W, "Requests being served"),
  holdfast_http_requests_aborted_total: counter(
    A,
    "Requests whose connection was closed before the response ended",
  ),
  holdfast_listen_queue_length: gauge(["app", "address"], "Connections that wait to be accepted"),

  holdfast_sticky_requests_total: counter(
    ["app", "result"],
    "Requests and upgrades that sticky routing has decided on, by what became of them",
  ),
  holdfast_sticky_sessions: gauge(W, "Open sessions of the slot: upgraded sockets and Engine.IO's"),

  holdfast_bus_members: gauge([], "Connections to the bus: of workers and of other programs"),
  holdfast_bus_locks: gauge([], "Locks and leaderships of the bus that are held"),
  holdfast_bus_lock_waiters: gauge([], "Those who wait for a lock or a leadership of the bus"),
  holdfast_bus_messages_total: counter(["kind"], "Messages of the bus, by kind"),
  holdfast_bus_dropped_total: counter(["reason"], "Messages that were not passed on, by reason"),
  holdfast_bus_requests_total: counter(["result"], "Requests that have ended, by result"),
  holdfast_bus_auth_failures_total: counter([], "Connections that could not prove who they are"),

  holdfast_queue_messages: gauge(["queue", "state"], "Messages of durable queues, by state"),
  holdfast_queue_events_total: counter(
    ["event"],
    "What has happened to messages of durable queues, since the supervisor was started",
  ),

  holdfast_metrics_stale_workers: gauge(A, "Ready workers that have said nothing for 3 seconds"),
  holdfast_metrics_series: gauge(A, "Series of the app's own metrics that are kept"),
  holdfast_metrics_dropped_series_total: counter(
    A,
    "Series of the app's own metrics that were over the limit or could not be read",
  ),
} as const satisfies Readonly<Record<`holdfast_${string}`, Family>>;

export type FamilyName = keyof typeof FAMILIES;

export const FAMILY_NAMES = Object.keys(FAMILIES) as readonly FamilyName[];

/** The labels whose values are known beforehand, and those values. */
export const LABEL_VALUES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  holdfast_supervisor_cpu_seconds_total: { mode: ["user", "system"] },
  holdfast_supervisor_eventloop_seconds_total: { state: ["active", "idle"] },
  holdfast_app_workers: { state: WORKER_STATES },
  holdfast_app_reloads_total: { result: RELOAD_RESULTS },
  holdfast_worker_exits_total: { reason: EXIT_REASONS },
  holdfast_worker_forced_kills_total: { reason: KILL_REASONS },
  holdfast_worker_cpu_seconds_total: { mode: ["user", "system"] },
  holdfast_worker_eventloop_seconds_total: { state: ["active", "idle"] },
  holdfast_worker_gc_duration_seconds: { kind: GC_KINDS },
  holdfast_http_request_duration_seconds: { method: METHODS, code: STATUS_CLASSES },
  holdfast_sticky_requests_total: { result: STICKY_RESULTS },
  holdfast_queue_events_total: { event: QUEUE_EVENTS },
  holdfast_bus_messages_total: { kind: BUS_KINDS },
  holdfast_bus_dropped_total: { reason: BUS_DROPS },
  holdfast_bus_requests_total: { result: BUS_RESULTS },
};

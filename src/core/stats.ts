/** What a worker says of itself once a second. All counts run from its start: who hears only the last one misses nothing. Pure. */

/** Upper bounds of `holdfast_http_request_duration_seconds`; a last bucket without bound follows. */
export const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Methods with a series of their own (RFC 9110, RFC 5789); any other is the last. */
export const METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "CONNECT",
  "TRACE",
  "OTHER",
] as const;

/** Status classes 1xx to 5xx. */
export const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;

/** Upper bounds of `holdfast_worker_gc_duration_seconds`; a last bucket without bound follows. */
export const GC_BUCKETS = [0.001, 0.01, 0.1, 1] as const;
export const GC_KINDS = ["minor", "major", "incremental", "weakcb"] as const;

/** A distribution: the sum of its values in seconds, and how many fell into each bucket (not cumulated). */
export interface Distribution {
  readonly sum: number;
  readonly buckets: readonly number[];
}

export interface WorkerStats {
  /** Event loop: milliseconds active and idle since the start (perf_hooks eventLoopUtilization). */
  readonly active: number;
  readonly idle: number;
  /** Event loop delay in the last window, milliseconds. */
  readonly delayP99: number;
  readonly delayMax: number;
  /** Bytes. */
  readonly heapUsed: number;
  readonly heapLimit: number;
  readonly external: number;
  /** CPU time of the process since its start, milliseconds. */
  readonly cpuUser: number;
  readonly cpuSystem: number;
  /** Open server connections. */
  readonly connections: number;
  /** Requests being served, ended by their client before their response was, and answered in full. */
  readonly inFlight: number;
  readonly aborted: number;
  readonly handled: number;
  /** By `"<index in METHODS>:<status class 1 to 5>"`, those that were used. */
  readonly requests: Readonly<Record<string, Distribution>>;
  /** With sticky routing: requests and upgrades by what became of them. Null without. */
  readonly sticky: StickyStats | null;
  /** By kind. */
  readonly gc: Readonly<Record<string, Distribution>>;
}

/** Where sticky routing sent what came here; what a peer has sent here is counted there. */
export const STICKY_RESULTS = [
  /** The session is this worker's. */
  "local",
  /** No session yet: served here, and told whose it is. */
  "new",
  /** Sent to the least loaded worker, which is its own from now on. */
  "placed",
  /** Sent to its worker as a request. */
  "forwarded",
  /** Handed to its worker as a socket. */
  "handed",
  /** An upgrade sent to its worker byte by byte. */
  "tunnelled",
  /** Its worker is gone or leaving: served here. */
  "moved",
  /** Its worker could not be reached: served here. */
  "unreachable",
] as const;
export type StickyResult = (typeof STICKY_RESULTS)[number];

export interface StickyStats {
  readonly results: Readonly<Record<StickyResult, number>>;
  /** Upgraded sockets and engine.io sessions that are open here. */
  readonly sessions: number;
}

/** Of the app's own registry: what prom-client's `getMetricsAsJSON()` gives, as far as it is used. */
export interface AppMetric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  readonly aggregator?: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number>>;
    /** Of histograms and summaries: `name_bucket`, `name_sum`, `name_count`. */
    readonly metricName?: string;
  }[];
}

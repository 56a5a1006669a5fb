/** What one app is, once read: every value present and in its final unit. Types only. */

import type { Sticky } from "../core/sticky.ts";
import type { AdminInput } from "./admin.ts";
import type { BusInput } from "./bus.ts";
import type { StickyInput } from "./sticky-input.ts";

export type { Placement, Sticky, StickyBy, StickyCookie } from "../core/sticky.ts";
export type { StickyInput } from "./sticky-input.ts";

/** A number of workers, every CPU, all CPUs but n (negative), or a share of the CPUs. */
export type Instances = number | "max" | `${number}%`;

/** A number of workers that follows the load. */
export interface InstanceRange {
  readonly min: Instances;
  readonly max: Instances;
  /** The event loop utilisation that is aimed at, 0.1 to 0.9. */
  readonly target: number;
  /** How long the load must ask for more before there are more, and for fewer before there are fewer. */
  readonly upAfterMs: number;
  readonly downAfterMs: number;
}

/** When a worker counts as ready: it listens, it says so, or this path answers an HTTP GET. */
export type Ready = "listen" | "message" | `http:/${string}`;

export type Strategy = "rolling" | "all-at-once";

/** `cluster`: instances share their ports. `fork`: each stands for itself, as a program started by hand. */
export type ExecMode = "cluster" | "fork";

/** Reload on change of files. */
export interface Watch {
  /** Files and folders, relative to cwd. At least one. */
  readonly paths: readonly string[];
  /** Names, paths and globs that do not count. */
  readonly ignore: readonly string[];
  /** How long nothing must have changed before it is acted on. */
  readonly delayMs: number;
}

/** How workers are asked whether they are well. */
export interface Health {
  /** Asked for by GET; null: only the function the app registers, where it does. */
  readonly path: string | null;
  readonly intervalMs: number;
  /** An answer that takes longer is a failure. */
  readonly timeoutMs: number;
  /** So many failures in a row: unhealthy. */
  readonly failures: number;
}

/** So many workers, or a share of the instances. */
export type MinReady = number | `${number}%`;

/** What is told of the app's own metrics. */
export interface Metrics {
  /** Also the default registry of a prom-client the app has loaded. */
  readonly merge: boolean;
  /** Of the app's own; what is more is dropped, and counted. */
  readonly maxSeries: number;
}

/** One app, fully defaulted. Meaning, bounds and reasons stand in the table, options.ts. */
export interface AppOptions {
  /** As given: a file, a directory or a package's command; system/script.ts finds what it names. */
  readonly script: string;
  readonly args: readonly string[];
  /** 1 to 64 characters of [A-Za-z0-9._-]; unique in a configuration. */
  readonly name: string;
  /** What commands can take together. Pattern of a name. */
  readonly namespace: string;
  /**
   * Links in it are kept, so that they are followed anew at each reload. Absolute where the reader knew
   * the folder it starts from, else as given; "." where none was given.
   */
  readonly cwd: string;
  /** Added to the environment the app inherits: files of `envFile`, `env`, `env_<name>` and `port` in one. */
  readonly env: Readonly<Record<string, string>>;
  /** The variable that carries the slot, 0 to n-1. */
  readonly instanceVar: string;
  /** The variable of `env` each slot gets raised by its number; null: none. */
  readonly incrementVar: string | null;
  readonly nodeArgs: readonly string[];
  /** Another Node binary: an absolute path, or a bare name looked for in PATH; null: the Node that runs Holdfast. */
  readonly interpreter: string | null;
  /** User and group of the workers, as a name or a number; null: those of the supervisor. */
  readonly uid: string | number | null;
  readonly gid: string | number | null;
  readonly execMode: ExecMode;
  /** `sizeFor` turns it into a number of slots. */
  readonly instances: Instances | InstanceRange;
  readonly ready: Ready;
  readonly readyTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly minUptimeMs: number;
  readonly maxRestarts: number;
  readonly restartWindowMs: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  readonly strategy: Strategy;
  readonly handover: boolean;
  readonly shutdownMessage: boolean;
  /** False: a worker that ends stays ended. */
  readonly autorestart: boolean;
  /** False: known, but started by command only. */
  readonly autostart: boolean;
  /** Exit statuses, 0 to 255, that mean "done": the worker is not started again. */
  readonly stopExitCodes: readonly number[];
  /** Before every restart, on top of backoff; 0: none. */
  readonly restartDelayMs: number;
  /** Resident memory of one worker above which it is replaced; null: no limit. */
  readonly maxMemoryBytes: number | null;
  /** No sign of life of a worker's event loop for so long: it hangs; null: not watched. */
  readonly hangTimeoutMs: number | null;
  /** Null: no path, and the defaults for a function the app registers. */
  readonly health: Health | null;
  /** Resident memory of one worker above which it is killed; null: no limit. At least maxMemoryBytes. */
  readonly maxMemoryHardBytes: number | null;
  readonly maxLifetimeMs: number | null;
  /** Requests answered by one worker. */
  readonly maxRequests: number | null;
  /** Ready workers below which the app is not ready for those around it. */
  readonly minReady: MinReady;
  /** Null: nothing is measured but whether workers live. */
  readonly metrics: Metrics | null;
  /** Null: every request is served where it arrives. */
  readonly sticky: Sticky | null;
  /** When the app is reloaded: five or six fields (with seconds), or a name such as "@daily"; null: never. */
  readonly cron: string | null;
  readonly watch: Watch | null;
  /** Names of apps that must be ready before this one starts. */
  readonly dependsOn: readonly string[];
  /** Files the output goes to; null: the default in the home directory. "/dev/null" keeps nothing. */
  readonly outFile: string | null;
  readonly errorFile: string | null;
  /** One file for all slots. */
  readonly mergeLogs: boolean;
}

/** A duration: milliseconds, or text such as "500ms", "30s", "2m", "1h". */
export type Duration = number | string;

/** An amount of memory: bytes, or text such as "300M", "1G". */
export type Size = number | string;

/** Environment variables as a person writes them; undefined counts as not given. */
export type Variables =
  | Readonly<Record<string, string | number | boolean | undefined>>
  | readonly string[];

/** What to watch as a person writes it: the working directory, paths, or paths and more. */
export type WatchInput =
  | boolean
  | string
  | readonly string[]
  | {
      readonly paths?: readonly string[] | string;
      readonly ignore?: readonly string[] | string;
      readonly delay?: Duration;
    };

/** How to ask as a person writes it: a path, or a path and more. */
export type HealthInput =
  | `http:/${string}`
  | false
  | {
      readonly path?: string | null;
      readonly interval?: Duration;
      readonly timeout?: Duration;
      readonly failures?: number;
    };

/** A number of workers, or a range that follows the load: `"2..8"`, `{ min: 2, max: 8 }`. */
export type InstancesInput =
  | Instances
  | `${string}..${string}`
  | {
      readonly min?: Instances;
      readonly max?: Instances;
      readonly target?: number;
      readonly upAfter?: Duration;
      readonly downAfter?: Duration;
    };

/** One app as a person writes it; what is left out has its default (docs/options.md). */
export interface AppInput {
  readonly script: string;
  readonly args?: readonly string[] | string;
  readonly name?: string;
  readonly namespace?: string;
  readonly cwd?: string;
  readonly env?: Variables;
  /** Variables that `--env <name>` puts over `env`. */
  readonly [variables: `env_${string}`]: Variables;
  readonly envFile?: readonly string[] | string;
  readonly port?: number | string;
  readonly instanceVar?: string;
  readonly incrementVar?: string | null;
  readonly nodeArgs?: readonly string[] | string;
  readonly interpreter?: string | null;
  readonly uid?: string | number | null;
  readonly gid?: string | number | null;
  readonly execMode?: ExecMode;
  readonly instances?: InstancesInput;
  readonly ready?: Ready;
  readonly readyTimeout?: Duration;
  readonly drainTimeout?: Duration;
  readonly minUptime?: Duration;
  readonly maxRestarts?: number;
  readonly restartWindow?: Duration;
  readonly backoffBase?: Duration;
  readonly backoffCap?: Duration;
  readonly strategy?: Strategy;
  readonly handover?: boolean;
  readonly shutdownMessage?: boolean;
  readonly autorestart?: boolean;
  readonly autostart?: boolean;
  readonly stopExitCodes?: readonly number[] | number;
  readonly restartDelay?: Duration;
  readonly maxMemory?: Size | null;
  readonly hangTimeout?: Duration | false | null;
  readonly health?: HealthInput | null;
  readonly maxMemoryHard?: Size | null;
  readonly maxLifetime?: Duration | null;
  readonly maxRequests?: number | null;
  readonly minReady?: MinReady;
  readonly metrics?: Partial<Metrics> | false | null;
  readonly sticky?: StickyInput | null;
  readonly cron?: string | null;
  readonly watch?: WatchInput | null;
  readonly dependsOn?: readonly string[] | string;
  readonly outFile?: string | null;
  readonly errorFile?: string | null;
  readonly mergeLogs?: boolean;
}

/** One app, several, or several under the key `apps`. */
export type ConfigInput =
  | AppInput
  | readonly AppInput[]
  | {
      readonly apps: AppInput | readonly AppInput[];
      readonly admin?: AdminInput;
      readonly bus?: BusInput;
      /** Of a background supervisor; the library and `run` have no heir. Default: true. */
      readonly heir?: boolean;
      readonly $schema?: string;
    };

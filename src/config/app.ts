/** What one app is, once read: every value present and in its final unit. Types only. */

/** A number of workers, every CPU, all CPUs but n (negative), or a share of the CPUs. */
export type Instances = number | "max" | `${number}%`;

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
  /** `resolveInstances` turns it into a number of slots. */
  readonly instances: Instances;
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
  readonly instances?: Instances;
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
  | { readonly apps: AppInput | readonly AppInput[]; readonly $schema?: string };

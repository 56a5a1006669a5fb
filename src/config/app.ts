/** What one app is, once read: every value present and in its final unit. Types only. */

/** A number of workers, every CPU, all CPUs but n (negative), or a share of the CPUs. */
export type Instances = number | "max" | `${number}%`;

/** When a worker counts as ready: it listens, it says so, or this path answers an HTTP GET. */
export type Ready = "listen" | "message" | `http:/${string}`;

export type Strategy = "rolling" | "all-at-once";

/** One app, fully defaulted. Meaning, bounds and reasons stand in the table, options.ts. */
export interface AppOptions {
  /** As given: a file, a directory or a package's command; system/script.ts finds what it names. */
  readonly script: string;
  readonly args: readonly string[];
  /** 1 to 64 characters of [A-Za-z0-9._-]; unique in a configuration. */
  readonly name: string;
  /** As given, so that a symlink is followed anew at each reload. "." where none was given. */
  readonly cwd: string;
  /** Added to the environment the app inherits. */
  readonly env: Readonly<Record<string, string>>;
  readonly nodeArgs: readonly string[];
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
}

/** A duration: milliseconds, or text such as "500ms", "30s", "2m", "1h". */
export type Duration = number | string;

/** One app as a person writes it; what is left out has its default (docs/options.md). */
export interface AppInput {
  readonly script: string;
  readonly args?: readonly string[] | string;
  readonly name?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | number | boolean>> | readonly string[];
  readonly nodeArgs?: readonly string[] | string;
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
}

/** One app, several, or several under the key `apps`. */
export type ConfigInput = AppInput | readonly AppInput[] | { readonly apps: readonly AppInput[] };

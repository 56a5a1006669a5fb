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

/**
 * THE table of an app's options. Parser, command-line help and docs/options.md are made from it, so
 * that what is written about an option and what it does cannot differ. Pure data.
 */

import type { AppOptions } from "./app.ts";
import { variables } from "./environment.ts";
import { instancesKind } from "./instances.ts";
import { choice, duration, flag, type Kind, path, pattern, whole, words } from "./kinds.ts";
import { readyKind, waitReadyKind } from "./ready.ts";

const NAME_PATTERN = /^[A-Za-z0-9._][A-Za-z0-9._-]{0,63}$/;

export interface Option<T> {
  /** The key in a configuration file; the long flag is its kebab-case. */
  readonly name: string;
  readonly kind: Kind<T>;
  /** The value where none is given. Absent: the option is required, or `derived` says where it comes from. */
  readonly default?: T;
  readonly derived?: string;
  /** Why that default; completes "because". Empty where there is nothing to explain. */
  readonly why: string;
  readonly cli: Cli;
  readonly pm2: readonly Alias<T>[];
  /** One sentence. */
  readonly description: string;
}

/** How the command line takes it: as a flag (no placeholder: a switch), or as words of the command. */
export type Cli =
  | {
      readonly flag: string;
      readonly short?: string;
      readonly placeholder?: string;
      readonly repeatable?: boolean;
    }
  | { readonly words: string };

/** A name PM2 uses for it, also accepted in camelCase; `kind` where PM2's values are others. */
export interface Alias<T> {
  readonly name: string;
  readonly kind?: Kind<T>;
}

type Table = { readonly [Field in keyof AppOptions]: Option<AppOptions[Field]> };

export const OPTIONS: Table = {
  script: {
    name: "script",
    kind: path("a file, a directory or a package's command"),
    why: "",
    cli: { words: "<script>" },
    pm2: [{ name: "exec" }, { name: "cmd" }, { name: "command" }],
    description:
      "What to run: a file (with or without extension), a directory (its main or index file), or the command of an installed package, such as `next start`.",
  },
  args: {
    name: "args",
    kind: words(),
    default: [],
    why: "",
    cli: { words: "[args...]" },
    pm2: [],
    description: "Arguments the script finds in process.argv.",
  },
  name: {
    name: "name",
    kind: pattern(
      "name",
      NAME_PATTERN,
      '1 to 64 letters, digits, ".", "_" or "-", not starting with "-"',
    ),
    derived:
      "the script's base name without extension; for a directory its package's name or its own",
    why: "commands, logs and metrics need a name a person recognises",
    cli: { flag: "--name", short: "-n", placeholder: "name" },
    pm2: [],
    description: "What commands, logs and metrics call the app.",
  },
  cwd: {
    name: "cwd",
    kind: path("a directory"),
    default: ".",
    why: "a program started by hand would run in the current directory too",
    cli: { flag: "--cwd", placeholder: "directory" },
    pm2: [],
    description:
      "The app's working directory; a symlink is followed anew at each reload (`current -> releases/42`).",
  },
  env: {
    name: "env",
    kind: variables(),
    default: {},
    why: "",
    cli: { flag: "--env", placeholder: "KEY=VALUE", repeatable: true },
    pm2: [],
    description: "Environment variables added to those the app inherits.",
  },
  nodeArgs: {
    name: "nodeArgs",
    kind: words(),
    default: [],
    why: "",
    cli: { flag: "--node-args", placeholder: "args" },
    pm2: [{ name: "node_args" }, { name: "interpreter_args" }],
    description: 'Arguments for Node itself, such as "--max-old-space-size=512 --import tsx".',
  },
  instances: {
    name: "instances",
    kind: instancesKind,
    default: "max",
    why: "a Node process uses one CPU, and the CPUs counted are those the container may use",
    cli: { flag: "--instances", short: "-i", placeholder: "n|max|-1|50%" },
    pm2: [],
    description: "How many workers.",
  },
  ready: {
    name: "ready",
    kind: readyKind,
    default: "listen",
    why: "every server listens, so no app needs code for it; a program that never listens is ready after minUptime",
    cli: { flag: "--ready", placeholder: "listen|message|http:/path" },
    pm2: [{ name: "wait_ready", kind: waitReadyKind }],
    description:
      'When a new worker counts as ready: it listens, it calls process.send("ready"), or the path answers.',
  },
  readyTimeoutMs: {
    name: "readyTimeout",
    kind: duration(1),
    default: 60_000,
    why: "large apps need tens of seconds to boot on a busy machine, and one that hangs must not block a reload for ever",
    cli: { flag: "--ready-timeout", placeholder: "time" },
    pm2: [{ name: "listen_timeout" }],
    description: "How long a new worker may take to become ready; one that does not has failed.",
  },
  drainTimeoutMs: {
    name: "drainTimeout",
    kind: duration(0),
    default: 30_000,
    why: "Kubernetes' terminationGracePeriodSeconds, which most apps are written for",
    cli: { flag: "--drain-timeout", placeholder: "time" },
    pm2: [{ name: "kill_timeout" }],
    description: "How long a worker that leaves may finish its work before it is killed.",
  },
  minUptimeMs: {
    name: "minUptime",
    kind: duration(0),
    default: 1000,
    why: "most faults of a new version show in its first second; PM2's min_uptime is the same",
    cli: { flag: "--min-uptime", placeholder: "time" },
    pm2: [{ name: "min_uptime" }],
    description:
      "How long a worker must have been ready to count as settled: a reload goes on, a crash is not a failed start.",
  },
  maxRestarts: {
    name: "maxRestarts",
    kind: whole(0, 10_000),
    default: 8,
    why: "enough for an outage of some seconds, few enough that a crash loop ends soon",
    cli: { flag: "--max-restarts", placeholder: "n" },
    pm2: [{ name: "max_restarts" }],
    description:
      "Restarts of a slot allowed within restartWindow; after that it is failed, and tried again slowly.",
  },
  restartWindowMs: {
    name: "restartWindow",
    kind: duration(1000),
    default: 60_000,
    why: "long enough to tell a crash loop from crashes that have nothing to do with each other",
    cli: { flag: "--restart-window", placeholder: "time" },
    pm2: [],
    description: "The rolling window maxRestarts counts in, and how long a failed slot rests.",
  },
  backoffBaseMs: {
    name: "backoffBase",
    kind: duration(1),
    default: 100,
    why: "a worker that died of bad luck is back at once",
    cli: { flag: "--backoff-base", placeholder: "time" },
    pm2: [],
    description: "The delay before the first restart after a failed start; it doubles each time.",
  },
  backoffCapMs: {
    name: "backoffCap",
    kind: duration(1),
    default: 15_000,
    why: "a worker is back soon after the database it waits for; PM2's cap is the same",
    cli: { flag: "--backoff-cap", placeholder: "time" },
    pm2: [],
    description: "The longest delay before a restart, not shorter than backoffBase.",
  },
  strategy: {
    name: "strategy",
    kind: choice("rolling", "all-at-once"),
    default: "rolling",
    why: "it needs the memory of one more worker, not of a second set",
    cli: { flag: "--strategy", placeholder: "rolling|all-at-once" },
    pm2: [],
    description:
      "How a reload replaces workers: slot after slot, or a full new set beside the old one.",
  },
  handover: {
    name: "handover",
    kind: flag(),
    default: false,
    why: "most apps have nothing that must not exist twice",
    cli: { flag: "--handover" },
    pm2: [],
    description:
      "Activate a new worker's consumers only after the old worker of its slot has released its own.",
  },
  shutdownMessage: {
    name: "shutdownMessage",
    kind: flag(),
    default: false,
    why: "signals are what containers and service managers send",
    cli: { flag: "--shutdown-message" },
    pm2: [{ name: "shutdown_with_message" }],
    description: 'Tell the app to stop by the process message "shutdown" instead of a signal.',
  },
};

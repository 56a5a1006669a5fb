/** When a worker is started again, and when it is replaced. Pure data. */

import { cronKind, cronRestartKind } from "../cron.ts";
import { accept, duration, flag, type Kind, optional, whole } from "../kinds.ts";
import { listOf } from "../lists.ts";
import { sizeKind } from "../memory.ts";
import { watchKind } from "../watch.ts";
import type { Options } from "./option.ts";

const BACKOFF_BASE_MS = 100;

/** PM2 has no backoff where it is 0; here there always is one. */
const expBackoffKind: Kind<number> = {
  ...duration(0),
  read: (value) => (value === 0 ? accept(BACKOFF_BASE_MS) : duration(1).read(value)),
};

export const RESTART_OPTIONS: Options<
  | "minUptimeMs"
  | "maxRestarts"
  | "restartWindowMs"
  | "backoffBaseMs"
  | "backoffCapMs"
  | "autorestart"
  | "stopExitCodes"
  | "restartDelayMs"
  | "maxMemoryBytes"
  | "cron"
  | "watch"
> = {
  minUptimeMs: {
    name: "minUptime",
    kind: duration(0),
    default: 1000,
    why: "most faults of a new version show in its first second; PM2's min_uptime is the same",
    cli: { flag: "--min-uptime", placeholder: "time" },
    pm2: [{ name: "min_uptime" }],
    description:
      "How long a worker must have been ready to count as settled: a reload goes on, a crash is not a failed start.",
    change: "update",
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
    change: "update",
  },
  restartWindowMs: {
    name: "restartWindow",
    kind: duration(1000),
    default: 60_000,
    why: "long enough to tell a crash loop from crashes that have nothing to do with each other",
    cli: { flag: "--restart-window", placeholder: "time" },
    pm2: [],
    description: "The rolling window maxRestarts counts in, and how long a failed slot rests.",
    change: "update",
  },
  backoffBaseMs: {
    name: "backoffBase",
    kind: duration(1),
    default: BACKOFF_BASE_MS,
    why: "a worker that died of bad luck is back at once",
    cli: { flag: "--backoff-base", placeholder: "time" },
    pm2: [{ name: "exp_backoff_restart_delay", kind: expBackoffKind }],
    description: "The delay before the first restart after a failed start; it doubles each time.",
    change: "update",
  },
  backoffCapMs: {
    name: "backoffCap",
    kind: duration(1),
    default: 15_000,
    why: "a worker is back soon after the database it waits for; PM2's cap is the same",
    cli: { flag: "--backoff-cap", placeholder: "time" },
    pm2: [],
    description: "The longest delay before a restart, not shorter than backoffBase.",
    change: "update",
  },
  autorestart: {
    name: "autorestart",
    kind: flag(),
    default: true,
    why: "to be there is what a supervisor is for",
    cli: { flag: "--no-autorestart" },
    pm2: [],
    description: "Start a worker again that ended by itself.",
    change: "update",
  },
  stopExitCodes: {
    name: "stopExitCodes",
    kind: listOf(whole(0, 255), "exit statuses"),
    default: [],
    why: "a server that ends, ends by fault",
    cli: { flag: "--stop-exit-codes", placeholder: "codes" },
    pm2: [{ name: "stop_exit_codes" }],
    description: "Exit statuses that mean the work is done: such a worker is not started again.",
    change: "update",
  },
  restartDelayMs: {
    name: "restartDelay",
    kind: duration(0),
    default: 0,
    why: "a worker that is needed is back at once, and backoff slows a crash loop",
    cli: { flag: "--restart-delay", placeholder: "time" },
    pm2: [{ name: "restart_delay" }],
    description: "A fixed delay before a worker that ended by itself is started again.",
    change: "update",
  },
  maxMemoryBytes: {
    name: "maxMemory",
    kind: optional(sizeKind),
    default: null,
    why: "what is much for one app is little for another",
    cli: { flag: "--max-memory", placeholder: "size" },
    pm2: [{ name: "max_memory_restart" }],
    description:
      "Resident memory of a worker above which it is replaced, without losing a request.",
    change: "update",
  },
  cron: {
    name: "cron",
    kind: optional(cronKind),
    default: null,
    why: "apps that need regular restarts are few",
    cli: { flag: "--cron", placeholder: "pattern" },
    pm2: [{ name: "cron_restart", kind: cronRestartKind }],
    description:
      "When the app is reloaded, again and again: minute, hour, day of month, month, day of week.",
    change: "update",
  },
  watch: {
    name: "watch",
    kind: watchKind,
    default: null,
    why: "files change in production for other reasons, too",
    cli: { flag: "--watch" },
    pm2: [],
    description: "Reload the app when files below these paths change.",
    change: "update",
  },
};

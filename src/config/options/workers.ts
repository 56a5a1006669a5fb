/** How many workers there are, and how they come and go. Pure data. */

import { instancesKind } from "../instances.ts";
import { choice, duration, flag } from "../kinds.ts";
import { listOf } from "../lists.ts";
import { nameKind } from "../name.ts";
import { readyKind, waitReadyKind } from "../ready.ts";
import type { Options } from "./option.ts";

export const WORKERS_OPTIONS: Options<
  | "instances"
  | "ready"
  | "readyTimeoutMs"
  | "drainTimeoutMs"
  | "strategy"
  | "handover"
  | "shutdownMessage"
  | "dependsOn"
  | "autostart"
> = {
  instances: {
    name: "instances",
    kind: instancesKind,
    default: "max",
    why: "a Node process uses one CPU, and the CPUs counted are those the container may use",
    cli: { flag: "--instances", short: "-i", placeholder: "n|max|-1|50%|2..8" },
    pm2: [],
    description: "How many workers; a range follows the load.",
    change: "scale",
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
    change: "update",
  },
  readyTimeoutMs: {
    name: "readyTimeout",
    kind: duration(1),
    default: 60_000,
    why: "large apps need tens of seconds to boot on a busy machine, and one that hangs must not block a reload for ever",
    cli: { flag: "--ready-timeout", placeholder: "time" },
    pm2: [{ name: "listen_timeout" }],
    description: "How long a new worker may take to become ready; one that does not has failed.",
    change: "update",
  },
  drainTimeoutMs: {
    name: "drainTimeout",
    kind: duration(0),
    default: 30_000,
    why: "Kubernetes' terminationGracePeriodSeconds, which most apps are written for",
    cli: { flag: "--drain-timeout", placeholder: "time" },
    pm2: [{ name: "kill_timeout" }],
    description: "How long a worker that leaves may finish its work before it is killed.",
    change: "update",
  },
  strategy: {
    name: "strategy",
    kind: choice("rolling", "all-at-once"),
    default: "rolling",
    why: "it needs the memory of one new worker at a time and of the old ones that still drain: of a second set only where drains are long",
    cli: { flag: "--strategy", placeholder: "rolling|all-at-once" },
    pm2: [],
    description:
      "How a reload replaces workers: slot after slot, or a full new set beside the old one.",
    change: "update",
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
    change: "update",
  },
  shutdownMessage: {
    name: "shutdownMessage",
    kind: flag(),
    default: false,
    why: "signals are what containers and service managers send",
    cli: { flag: "--shutdown-message" },
    pm2: [{ name: "shutdown_with_message" }],
    description: 'Tell the app to stop by the process message "shutdown" instead of a signal.',
    change: "update",
  },
  dependsOn: {
    name: "dependsOn",
    kind: listOf(nameKind, "names of apps"),
    default: [],
    why: "apps that wait for nothing start fastest",
    cli: null,
    pm2: [],
    description: "Apps that must be ready before this one is started.",
    change: "update",
  },
  autostart: {
    name: "autostart",
    kind: flag(),
    default: true,
    why: "an app is configured to run",
    cli: null,
    pm2: [],
    description: "Start the app with the others; otherwise by command only.",
    change: "update",
  },
};

/** How a worker comes to be, and how its app hears of what becomes of it. */

import { randomBytes } from "node:crypto";
import { HEALTH_DEFAULTS } from "../config/health.ts";
import { METRICS_DEFAULTS } from "../config/observe.ts";
import type { Worker } from "../core/worker.ts";
import type { HomeSettings } from "../link/adoption.ts";
import type { BusSettings, StickySettings } from "../link/agent-messages.ts";
import type { Outlets } from "../logs/outlet.ts";
import type { Adoption } from "./adoption/adoption.ts";
import type { AppRunner } from "./app-runner.ts";
import type { Bus } from "./bus/bus.ts";
import { probePath } from "./launch.ts";
import type { Owner } from "./peer-folder.ts";
import type { Priority } from "./priority.ts";
import { type Launch, spawnWorker, type WorkerListener } from "./processes.ts";
import { exitOf, RunningWorker } from "./running-worker.ts";
import { hearWorker, lacksAddress } from "./worker-messages.ts";

/** A channel that closes is usually a process that ends: its exit gets this long to be the news. */
const EXIT_AFTER_DISCONNECT_MS = 500;
const TOKEN_BYTES = 16;

/** What a worker's process gets of the supervisor around it. */
export interface Surroundings {
  readonly outlets: Outlets;
  readonly marker: string;
  readonly priority: Priority;
  readonly bus: Bus;
  /** Where workers find the next supervisor; null: they end with this one. */
  readonly adoption: Pick<Adoption, "placeFor"> | null;
}

interface Prepared {
  readonly launch: Launch;
  readonly sticky: StickySettings | null;
  readonly bus: BusSettings | null;
}

/** Starts the worker's process; where that fails, the app hears of an exit like any other. */
export function startWorker(runner: AppRunner, worker: Worker, around: Surroundings): void {
  const { id, slot, generation } = worker;
  const prepared = prepare(runner, worker, around.bus);
  if (!prepared) return;
  const { launch, sticky, bus } = prepared;
  const { options } = runner;
  const settings = {
    worker: id,
    slot,
    generation,
    probe: probePath(options),
    shutdownMessage: options.shutdownMessage,
    health: options.health ?? HEALTH_DEFAULTS,
    hangTimeoutMs: options.hangTimeoutMs,
    // Sticky routing must know of each request whether it has been routed.
    countRequests:
      options.metrics !== null || options.maxRequests !== null || options.sticky !== null,
    sticky,
    bus,
    home: homeOf(options.name, launch, around),
    metrics: { ...(options.metrics ?? METRICS_DEFAULTS), collect: options.metrics !== null },
  };
  const outlet = around.outlets(options, slot);
  const listener = listenerOf(runner, id, around.bus);
  const process = around.priority.asStarted(() =>
    spawnWorker(launch, settings, around.marker, outlet.stdio, listener),
  );
  const token = settings.home?.token ?? null;
  const running = new RunningWorker(process, outlet.started(process), token);
  running.socket = settings.home?.keeper === undefined ? null : settings.home.socket;
  runner.workers.set(id, running);
}

/** Whoever knows the token is that worker: each has its own. */
function homeOf(app: string, owner: Owner, { adoption }: Surroundings): HomeSettings | null {
  const place = adoption?.placeFor(owner) ?? null;
  return place && { ...place, token: randomBytes(TOKEN_BYTES).toString("base64url"), app };
}

/** How a worker's app hears of it, by whatever channel. */
export function listenerOf(runner: AppRunner, id: number, bus: Bus): WorkerListener {
  let isGone = false;
  return {
    message: (message, handle) => hearWorker(runner, id, message, handle),
    cluster: (message, child) => runner.clusterHandles.answer(message, child),
    appMessage(message) {
      if (message === "ready" && runner.options.ready === "message") {
        runner.openings.ready(id);
      }
      if (!bus.relay.hear(runner, id, message)) runner.reporter.message(id, message);
    },
    disconnected() {
      const tell = (): void => {
        if (!isGone) runner.dispatch({ type: "worker-disconnected", worker: id });
      };
      setTimeout(tell, EXIT_AFTER_DISCONNECT_MS).unref();
    },
    ended: () => bus.ended(id),
    exited(code, signal) {
      isGone = true;
      exited(runner, id, code, signal);
    },
    spawnFailed: (error) => spawnFailed(runner, id, error),
    fault: (fault) => runner.reporter.fault(id, fault),
  };
}

function exited(
  runner: AppRunner,
  id: number,
  code: number | null,
  signal: NodeJS.Signals | null,
): void {
  runner.openings.gone(id);
  const fault = lacksAddress(runner, id);
  // Said once, instead of n workers that crash again and again.
  if (fault && runner.app.status === "running") runner.fail(fault);
  const death = runner.workers.get(id)?.death(code, signal);
  if (!death) return;
  const exit = runner.reporter.remember(id, death);
  runner.dispatch({ type: "worker-exited", worker: id, exit });
}

/** What the generation runs, and where. When there is no such thing any more, the worker fails like a process would. */
function prepare(runner: AppRunner, worker: Worker, bus: Bus): Prepared | null {
  const { id, slot, generation } = worker;
  const app = runner.options.name;
  try {
    const launch = runner.launches.get(generation) ?? runner.resolve();
    runner.launches.set(generation, launch);
    return {
      launch,
      sticky: runner.peers.admit(id, launch),
      bus: bus.admit({ app, slot, worker: id, generation }, launch),
    };
  } catch (error) {
    queueMicrotask(() => spawnFailed(runner, id, error as Error));
    return null;
  }
}

function spawnFailed(runner: AppRunner, id: number, error: Error): void {
  const death = {
    code: null,
    signal: null,
    uncaught: error.message,
    heapExhausted: false,
    oomKilled: false,
    stopped: false,
  };
  const exit = { ...exitOf(death), reason: "spawn_failed" as const };
  runner.reporter.remember(id, death);
  runner.dispatch({ type: "worker-exited", worker: id, exit });
}

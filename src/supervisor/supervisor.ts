/** The supervisor: many apps, one set of events, and nothing left behind at the end. */

import { EventEmitter } from "node:events";
import type { AppOptions, InstancesInput } from "../config/app.ts";
import { sizeFor } from "../config/instances.ts";
import type { Beside } from "../config/parse.ts";
import type { AppStatus } from "../core/snapshot.ts";
import { usableCpus } from "../system/cpus.ts";
import { type Admin, adminOf } from "./admin.ts";
import {
  reloadApp,
  restartApp,
  scaleApp,
  signalApp,
  startApp,
  statusOf,
  stopApp,
  untilApp,
  type WaitOptions,
} from "./app-control.ts";
import { AppRunner } from "./app-runner.ts";
import { Apps } from "./apps.ts";
import { Bus } from "./bus/bus.ts";
import { type Continuity, noContinuity } from "./continuity.ts";
import type { SupervisorSettings } from "./create.ts";
import { type SupervisorEvents, shielded } from "./events.ts";
import { SupervisorMetrics } from "./metrics.ts";
import { type Places, placesOf } from "./places.ts";
import { Pulse } from "./pulse.ts";
import { optionsOfLeft } from "./restore/left-app.ts";
import type { Estate } from "./restore/take-up.ts";
import type { AppRecord } from "./roster/records.ts";
import { IDS_PER_APP } from "./roster/worker-ids.ts";
import { startAll } from "./start-order.ts";
import { Sweeper } from "./sweep.ts";

/** Variables an app inherits; null: those of the supervisor's own process. */
export type Environment = Readonly<Record<string, string>> | null;

export interface AppTarget extends WaitOptions {
  /** The app meant; may be left out where there is one only. */
  readonly app?: string;
}

/**
 * Runs apps as clusters of workers. Create it with `createSupervisor`.
 * Listen with `on("worker:exit", ...)` and the other names of `SupervisorEvents`.
 */
export class Supervisor extends EventEmitter<SupervisorEvents> {
  readonly #apps = new Apps();
  readonly #continuity: Continuity;
  readonly #sweeper: Sweeper;
  /** Apps that are to start when those they depend on are ready, unless they are stopped before. */
  readonly #toStart = new Set<string>();
  readonly #places: Places;
  readonly #pulse = new Pulse();
  /** What workers and other programs talk through. */
  readonly bus = new Bus({
    runFolder: () => this.#places.runFolder,
    runners: () => this.#apps.all(),
    fault: (error) => this.emit("bus:fault", { error }),
    queues: () => this.#places.queues,
    listening: (address) => this.emit("bus:listening", { address }),
  });
  readonly #metrics = new SupervisorMetrics(this.#apps, this.bus.counts, () => this.#continuity);
  #firstWorkerId: number;
  /** Metrics and probes over HTTP. */
  readonly admin: Admin;

  /** Throws HF_ADMIN_UNPROTECTED, HF_ADMIN_TOKEN_INVALID or HF_BUS_REMOTE_INVALID. */
  constructor(
    apps: readonly AppOptions[],
    settings: SupervisorSettings = {},
    { admin = null, bus = null }: Beside = {},
    continuity: Continuity = noContinuity(),
  ) {
    super();
    this.#continuity = continuity;
    continuity.observe?.(this.#apps);
    this.#firstWorkerId = continuity.nextWorkerId;
    this.#sweeper = new Sweeper(continuity.marker, () => this.#apps.all());
    this.admin = adminOf(this, () => this.#apps.known(), admin);
    this.#places = placesOf(settings);
    settings.logs?.onFault((fault) => this.emit("log:fault", fault));
    if (bus) void this.bus.remote.configure(bus);
    for (const options of apps) this.add(options);
  }

  /** Knows one more app from now on; `start` starts it. Throws HF_APP_EXISTS. */
  add(options: AppOptions, environment: Environment = null): void {
    this.#apps.refuseTaken(options.name);
    this.#apps.add(options.name, this.#create(options, environment));
  }

  /**
   * Goes on with an app where a supervisor that is gone was; a start, a reload or a stop under way comes to its end.
   * One that is not known should not be there any more, and is stopped.
   */
  restore(record: AppRecord, estate: Estate): void {
    const { name } = record;
    const runner = this.#apps.find(name) ?? this.#create(optionsOfLeft(record), null);
    const isLeft = this.#apps.find(name) === undefined;
    if (isLeft) this.#apps.leave(name, runner);
    runner.restore(record, estate);
    if (isLeft) return void this.#end(name, runner);
    const { status, size } = runner.app;
    const wanted = sizeFor(runner.options.instances, usableCpus().count, size);
    if (status === "running" && wanted !== size) runner.resize(wanted);
  }

  #create(options: AppOptions, environment: Environment): AppRunner {
    const runner = new AppRunner(options, {
      emit: (event, ...args) => {
        if (event === "worker:exit") this.#sweeper.soon();
        this.#metrics.hear(event, ...args);
        this.bus.hear(event, ...args);
        shielded(() => (this.emit as (...told: unknown[]) => boolean)(event, ...args));
      },
      ...{ ...this.#places, ...this.#continuity },
      ...{ apps: this.#apps, pulse: this.#pulse, bus: this.bus },
      metrics: this.#metrics.store,
      firstWorkerId: this.#firstWorkerId,
      instances: sizeFor(options.instances, usableCpus().count, null),
      environment,
    });
    this.#firstWorkerId += IDS_PER_APP;
    return runner;
  }

  /** Stops the app and forgets it; its name is free when this resolves. */
  async remove(name: string): Promise<void> {
    const runner = this.#apps.one({ app: name });
    // Unknown at once, so that nobody starts it meanwhile.
    this.#apps.leave(name, runner);
    await this.#end(name, runner);
  }

  async #end(name: string, runner: AppRunner): Promise<void> {
    await stopApp(runner);
    this.#apps.gone(name);
    this.#metrics.store.forget(name);
    this.bus.forget(name);
    this.#sweeper.sweep("left");
  }

  /**
   * Gives the app other options. Limits and times hold at once; what needs other processes holds for those
   * started from now on: `reload`, `restart` or `scale` an app that runs after it.
   */
  configure(options: AppOptions, environment: Environment = null): void {
    const runner = this.#apps.one({ app: options.name });
    runner.reconfigure(options, environment);
    if (runner.app.status === "running") return;
    const now = runner.app.status === "idle" ? null : runner.app.size;
    runner.dispatch({ type: "scale", size: sizeFor(options.instances, usableCpus().count, now) });
  }

  /**
   * Starts every app but those with `autostart: false`, each after those it depends on, or one; resolves when
   * all their workers are ready. Rejects with a failure (HF_SCRIPT_*, HF_PORT_IN_USE, HF_START_FAILED,
   * HF_DEPENDENCY_FAILED); the other apps go on.
   */
  async start(target: AppTarget = {}): Promise<void> {
    if (target.app !== undefined) return startApp(this.#apps.one(target), target);
    const opened = Promise.all([this.admin.open(), this.bus.remote.open()]);
    await startAll(this.#apps, this.#toStart, (runner) => startApp(runner, target)).finally(
      () => opened,
    );
  }

  /** Drains and stops every app, or one; resolves when no process is left. May be called at any time, twice too. */
  async stop(target: AppTarget = {}): Promise<void> {
    const chosen = target.app === undefined ? this.#apps.all() : [this.#apps.one(target)];
    if (target.app === undefined) {
      this.admin.stopping();
      this.emit("stopping");
    }
    for (const { options } of chosen) this.#toStart.delete(options.name);
    await Promise.all(chosen.map((runner) => stopApp(runner, target)));
    this.#sweeper.sweep(target.app === undefined ? "all" : "left");
    if (target.app === undefined) await Promise.all([this.bus.end(), this.admin.close()]);
  }

  /** Cuts short a stop under way: connections that still drain have this many milliseconds. Default 1000. */
  hurry(withinMs = 1000): void {
    for (const runner of this.#apps.all()) runner.dispatch({ type: "hurry", withinMs });
  }

  /** SIGKILL to every worker now. */
  kill(): void {
    for (const runner of this.#apps.all()) runner.dispatch({ type: "kill" });
  }

  /** Replaces all workers without losing a request; resolves with the new generation. See `reloadApp`. */
  async reload(target: AppTarget = {}): Promise<number> {
    return reloadApp(this.#apps.one(target), target);
  }

  /** Drains workers and starts new ones in their place, without overlap. `slots`: default all. */
  async restart(target: AppTarget & { readonly slots?: readonly number[] } = {}): Promise<void> {
    return restartApp(this.#apps.one(target), target.slots ?? "all", target);
  }

  /** Changes the number of workers, to a fixed one or a range, as in the options. */
  async scale(instances: InstancesInput, target: AppTarget = {}): Promise<void> {
    return scaleApp(this.#apps.one(target), instances, target);
  }

  /** The options an app runs with, and what it inherits. */
  configuration(name: string): { options: AppOptions; environment: Environment } {
    const { options, environment } = this.#apps.one({ app: name });
    return { options, environment };
  }

  /** What runs now of one app. */
  statusOf(name: string): AppStatus {
    return statusOf(this.#apps.one({ app: name }));
  }

  /** The file an app's stable generation was started from; null while it has never been started. */
  fileOf(name: string): string | null {
    const { launches, app } = this.#apps.one({ app: name });
    return launches.get(app.stable)?.script ?? null;
  }

  /** Resolves when the app has a ready worker in every slot, or is stopped. Rejects with HF_ABORTED. */
  async until(state: "ready" | "stopped", target: AppTarget): Promise<void> {
    return untilApp(this.#apps.one(target), state, target);
  }

  /** Sends a signal to the workers of some slots; gives the pids it was sent to. */
  signal(name: string, slots: readonly number[] | "all", signal: NodeJS.Signals): number[] {
    return signalApp(this.#apps.one({ app: name }), slots, signal);
  }

  /** What runs now, app by app. */
  status(): readonly AppStatus[] {
    return this.#apps.known().map(statusOf);
  }

  /** Metrics of all apps, as Prometheus text or, where `accept` asks for it, OpenMetrics. Waits for no worker. */
  metrics(accept?: string): Promise<{ readonly contentType: string; readonly body: string }> {
    return this.#metrics.render(accept);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

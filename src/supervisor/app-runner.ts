/**
 * The loop of one app: an event comes in, the core decides, the effects are carried out in order.
 * State changes in one place, `dispatch`, and one timer stands for the earliest deadline.
 */

import type { AppOptions } from "../config/app.ts";
import {
  type App,
  type AppEvent,
  type AppPolicy,
  newApp,
  nextDeadline,
  step,
} from "../core/app.ts";
import type { Effect } from "../core/effects.ts";
import type { Worker } from "../core/worker.ts";
import type { MetricsStore } from "../metrics/store.ts";
import { autoscaleOf } from "./app-autoscale.ts";
import { AppReporter } from "./app-reporter.ts";
import { triggersOf } from "./app-triggers.ts";
import type { Autoscale } from "./autoscale.ts";
import { Gatekeeper } from "./gatekeeper.ts";
import { AppHealth } from "./health.ts";
import { policyOf, resolveLaunch } from "./launch.ts";
import { Listeners } from "./listeners.ts";
import { ClusterHandles } from "./node-cluster.ts";
import { Peers } from "./peers.ts";
import type { Launch } from "./processes.ts";
import type { RunnerContext } from "./runner-context.ts";
import type { RunningWorker } from "./running-worker.ts";
import type { Triggers } from "./triggers/triggers.ts";
import { Waiters } from "./waiters.ts";
import { attachmentsOf, gatePortOf } from "./worker-ports.ts";
import { startWorker } from "./worker-start.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class AppRunner {
  #options: AppOptions;
  #policy: AppPolicy;
  #environment: Readonly<Record<string, string>> | null;
  readonly waiters = new Waiters();
  readonly workers = new Map<number, RunningWorker>();
  readonly listeners: Listeners;
  readonly gatekeeper: Gatekeeper;
  /** With sticky routing: who knows whom. */
  readonly peers: Peers;
  readonly clusterHandles = new ClusterHandles();
  readonly reporter: AppReporter;
  readonly health: AppHealth;
  readonly triggers: Triggers;
  readonly autoscale: Autoscale;
  readonly metrics: MetricsStore;
  /** What each generation runs; a generation without an entry is resolved when it first starts. */
  readonly launches = new Map<number, Launch>();
  readonly #context: RunnerContext;
  readonly #queue: AppEvent[] = [];
  #app: App;
  #timer: NodeJS.Timeout | null = null;
  #isStepping = false;
  #steppedAt = 0;
  #hasServed = false;
  /** Why the app can not run at all. */
  fatal: Error | null = null;

  constructor(options: AppOptions, context: RunnerContext) {
    this.#options = options;
    this.#policy = policyOf(options);
    this.#environment = context.environment;
    this.#context = context;
    this.metrics = context.metrics;
    this.#app = newApp(context.instances, context.firstWorkerId);
    this.reporter = new AppReporter(this, context.emit);
    this.health = new AppHealth(this, context.pulse);
    this.triggers = triggersOf(this, context.emit, context.pulse);
    this.autoscale = autoscaleOf(this, context.emit, context.pulse);
    this.peers = new Peers(this, context.runFolder);
    this.listeners = new Listeners(attachmentsOf(this.workers));
    this.gatekeeper = new Gatekeeper(
      gatePortOf(this.workers, (worker, key) => this.listeners.isOpenBy(worker, key)),
    );
  }

  get options(): AppOptions {
    return this.#options;
  }

  get policy(): AppPolicy {
    return this.#policy;
  }

  /** What the app inherits; null: this process's variables. */
  get environment(): Readonly<Record<string, string>> | null {
    return this.#environment;
  }

  /** From now on. Workers that run keep what they were started with; limits and times hold at once. */
  reconfigure(options: AppOptions, environment: Readonly<Record<string, string>> | null): void {
    this.#options = options;
    this.#policy = policyOf(options);
    this.#environment = environment;
    if (this.#app.status === "running") this.watch();
  }

  /** A fixed number of workers or a range from now on, if the app runs; the number itself stays what it is. */
  follow(instances: AppOptions["instances"]): void {
    if (this.#app.status !== "running") return;
    this.#options = { ...this.#options, instances };
    this.autoscale.arm();
  }

  /** More or fewer slots from now on, with an address for each. */
  resize(size: number): void {
    this.listeners.grow(size);
    this.dispatch({ type: "scale", size });
  }

  /** What a worker started now would run. Throws HF_SCRIPT_*. */
  resolve(): Launch {
    return resolveLaunch(this.#options, this.#environment);
  }

  get app(): App {
    return this.#app;
  }

  /**
   * A worker has been ready at some time: a later failure must not end the app. With `ready: "listen"`
   * it must have listened: who boots slowly counts as ready by its age before that.
   */
  get hasServed(): boolean {
    return this.#hasServed;
  }

  worker(id: number): Worker | undefined {
    return this.#app.workers.find((worker) => worker.id === id);
  }

  /** Hears one event. Events that effects cause wait for their turn. */
  dispatch(event: AppEvent): void {
    this.#queue.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#step(next);
    this.#isStepping = false;
    this.#arm();
    this.peers.look();
    this.waiters.look();
  }

  /** Looks after the workers from now on, as the options say; `unwatch` ends it. */
  watch(): void {
    this.health.arm(this.#options.hangTimeoutMs);
    this.triggers.arm(this.#options);
    this.autoscale.arm();
  }

  unwatch(): void {
    this.health.disarm();
    this.triggers.disarm();
    this.autoscale.disarm();
  }

  /** The app cannot run here: nothing is retried, all is killed. */
  fail(error: Error): void {
    this.fatal ??= error;
    this.dispatch({ type: "stop" });
    this.dispatch({ type: "kill" });
  }

  /** Gives back what is held beyond the workers' lives. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.unwatch();
    this.listeners.closeAll();
    this.gatekeeper.close();
    this.clusterHandles.closeAll();
  }

  #step(event: AppEvent): void {
    const moment = { now: performance.now(), random: Math.random() };
    this.#steppedAt = moment.now;
    const { app, effects } = step(this.#app, event, moment, this.policy);
    this.#app = app;
    this.#hasServed ||=
      this.policy.ready === "listen"
        ? app.listening.length > 0
        : app.workers.some((worker) => worker.phase === "ready");
    for (const effect of effects) this.#carryOut(effect);
  }

  /** The one timer, for whatever is due first. */
  #arm(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    // As of the last step: what has come due since has not been acted upon yet.
    const due = nextDeadline(this.#app, this.#steppedAt);
    if (due === Number.POSITIVE_INFINITY) return;
    const wait = Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(due - performance.now())));
    this.#timer = setTimeout(() => this.dispatch({ type: "tick" }), wait);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "spawn":
        return startWorker(this, effect.worker, this.#context);
      case "assign":
        this.gatekeeper.accept(effect.workers);
        return this.listeners.accept(effect.workers);
      case "activate":
        return this.workers.get(effect.worker.id)?.process.send({ t: "activate" });
      case "drain":
        return this.#drain(effect.worker);
      case "hurry": {
        const withinMs = Math.max(0, Math.round(effect.worker.deadline - performance.now()));
        return this.workers.get(effect.worker.id)?.process.send({ t: "hurry", withinMs });
      }
      case "kill":
        return this.workers.get(effect.worker.id)?.kill();
      case "report":
        return this.reporter.report(effect.report);
    }
  }

  #drain(worker: Worker): void {
    const process = this.workers.get(worker.id)?.process;
    this.listeners.forget(worker.id);
    process?.send({ t: "drain", timeoutMs: this.policy.drainTimeoutMs });
    // A worker that is not ready yet, or no longer listens to us, serves nothing we could drain.
    if (worker.readyAt === null || worker.leaving === "disconnected") process?.signal("SIGTERM");
    this.reporter.draining(worker);
  }
}

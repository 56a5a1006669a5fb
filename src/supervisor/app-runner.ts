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
import { takenUp } from "../core/takeover.ts";
import type { Worker } from "../core/worker.ts";
import type { ListenRequest } from "../link/agent-messages.ts";
import type { MetricsStore } from "../metrics/store.ts";
import { autoscaleOf } from "./app-autoscale.ts";
import { AppReporter } from "./app-reporter.ts";
import { triggersOf } from "./app-triggers.ts";
import type { Autoscale } from "./autoscale.ts";
import { carryOut } from "./carry-out.ts";
import { Deliveries } from "./deliveries.ts";
import { Gatekeeper } from "./gatekeeper.ts";
import { AppHealth } from "./health.ts";
import { policyOf, resolveLaunch } from "./launch.ts";
import { Listeners } from "./listeners.ts";
import { ClusterHandles } from "./node-cluster.ts";
import { Openings } from "./openings.ts";
import { Peers } from "./peers.ts";
import type { Launch } from "./processes.ts";
import { type Estate, takeUp } from "./restore/take-up.ts";
import { noteApp, recordOf } from "./roster/app-record.ts";
import type { AppRecord } from "./roster/records.ts";
import type { RunnerContext } from "./runner-context.ts";
import type { RunningWorker } from "./running-worker.ts";
import type { Triggers } from "./triggers/triggers.ts";
import { Waiters } from "./waiters.ts";
import { attachmentsOf, gatePortOf } from "./worker-ports.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class AppRunner {
  #options: AppOptions;
  #policy: AppPolicy;
  #environment: Readonly<Record<string, string>> | null;
  readonly waiters = new Waiters();
  readonly workers = new Map<number, RunningWorker>();
  readonly listeners: Listeners;
  readonly openings = new Openings(this);
  readonly deliveries = new Deliveries();
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
    this.listeners = new Listeners(attachmentsOf(this.workers, this.deliveries), () =>
      this.#bound(),
    );
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

  /** The name of another app of this supervisor that has the address. */
  siblingAt(request: ListenRequest): string | undefined {
    return this.#context.apps.at(request, this)?.options.name;
  }

  worker(id: number): Worker | undefined {
    return this.#app.workers.find((worker) => worker.id === id);
  }

  /** What the next supervisor has to know of the app. */
  record(): AppRecord {
    return recordOf(this, this.#context.bus.roster);
  }

  /** Goes on where another supervisor was: with its state, its workers and its sockets. */
  restore(record: AppRecord, estate: Estate): void {
    this.#app = takenUp(record.app, performance.now());
    this.#hasServed = record.hasServed;
    takeUp(this, record, this.#context, estate);
    if (this.#app.status === "running") this.watch();
    this.dispatch({ type: "tick" });
  }

  /** Hears one event. Events that effects cause wait for their turn. */
  dispatch(event: AppEvent): void {
    this.#queue.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#step(next);
    } finally {
      // Whatever went wrong with one event: later ones are heard.
      this.#isStepping = false;
      this.#arm();
    }
    this.peers.look();
    this.#note();
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
    this.#context.heir?.forget(this.#options.name);
  }

  /** Sockets have come or gone. */
  #bound(): void {
    this.#context.heir?.follow(this.#options.name, this.listeners.held());
    this.#note();
  }

  /** Written down in the turn in which it happens: no worker comes back before it is known. */
  #note(): void {
    if (this.#context.roster && !this.#isStepping) noteApp(this.#context.roster, this);
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
    for (const effect of effects) carryOut(this, effect, this.#context);
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
}

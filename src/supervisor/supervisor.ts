/** The supervisor: many apps, one set of events, and nothing left behind at the end. */

import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import type { AppOptions, ConfigInput } from "../config/app.ts";
import { resolveInstances } from "../config/instances.ts";
import { parseConfig } from "../config/parse.ts";
import type { AppStatus } from "../core/snapshot.ts";
import { HoldfastError } from "../errors.ts";
import { terminalSink } from "../logs/terminal.ts";
import type { OutputSink } from "../logs/worker-output.ts";
import { usableCpus } from "../system/cpus.ts";
import { packageNameOf } from "../system/places.ts";
import { pidsWithEnvironment } from "../system/proc.ts";
import {
  reloadApp,
  restartApp,
  scaleApp,
  startApp,
  statusOf,
  stopApp,
  type WaitOptions,
} from "./app-control.ts";
import { AppRunner } from "./app-runner.ts";
import type { SupervisorEvents } from "./events.ts";

/** Worker ids of different apps must differ: they are `cluster.worker.id` and name processes in logs. */
const IDS_PER_APP = 1_000_000;

export interface SupervisorSettings {
  /** Where workers' output goes. Default: whole lines, raw, to this process's stdout and stderr. */
  readonly output?: OutputSink;
}

export interface AppTarget extends WaitOptions {
  /** The app meant; may be left out where there is one only. */
  readonly app?: string;
}

/**
 * Runs apps as clusters of workers. Create it with `createSupervisor`.
 * Listen with `on("worker:exit", ...)` and the other names of `SupervisorEvents`.
 */
export class Supervisor extends EventEmitter<SupervisorEvents> {
  readonly #runners = new Map<string, AppRunner>();
  readonly #marker = `${process.pid}-${randomBytes(6).toString("hex")}`;

  constructor(apps: readonly AppOptions[], settings: SupervisorSettings = {}) {
    super();
    const { stdout, stderr } = process;
    const sink =
      settings.output ??
      terminalSink({ streams: { stdout, stderr }, prefix: false, colour: false });
    const cpus = usableCpus().count;
    apps.forEach((options, index) => {
      const runner = new AppRunner(options, {
        emit: (name, ...args) =>
          void (this.emit as (event: string, ...rest: unknown[]) => boolean)(name, ...args),
        sink,
        marker: this.#marker,
        firstWorkerId: 1 + index * IDS_PER_APP,
        instances: resolveInstances(options.instances, cpus),
      });
      this.#runners.set(options.name, runner);
    });
  }

  /**
   * Starts every app and resolves when all their workers are ready. Rejects with the first failure
   * (HF_SCRIPT_*, HF_PORT_IN_USE, HF_START_FAILED); the other apps go on.
   */
  async start(wait: WaitOptions = {}): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => startApp(runner, wait)));
  }

  /** Drains and stops every app; resolves when no process is left. May be called at any time, twice too. */
  async stop(wait: WaitOptions = {}): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => stopApp(runner, wait)));
    this.#sweep();
  }

  /** Cuts short a stop under way: connections that still drain have this many milliseconds. Default 1000. */
  hurry(withinMs = 1000): void {
    for (const runner of this.#runners.values()) runner.dispatch({ type: "hurry", withinMs });
  }

  /** SIGKILL to every worker now. */
  kill(): void {
    for (const runner of this.#runners.values()) runner.dispatch({ type: "kill" });
  }

  /** Replaces all workers without losing a request; resolves with the new generation. See `reloadApp`. */
  async reload(target: AppTarget = {}): Promise<number> {
    return reloadApp(this.#runner(target), target);
  }

  /** Drains workers and starts new ones in their place, without overlap. `slots`: default all. */
  async restart(target: AppTarget & { readonly slots?: readonly number[] } = {}): Promise<void> {
    return restartApp(this.#runner(target), target.slots ?? "all", target);
  }

  /** Changes the number of workers: a number, "max", a negative number or a percentage, as in the options. */
  async scale(instances: AppOptions["instances"], target: AppTarget = {}): Promise<void> {
    const runner = this.#runner(target);
    const checked = parseConfig({ script: runner.options.script, instances });
    if (!checked.ok) throw new HoldfastError("HF_CONFIG_INVALID", { faults: checked.faults });
    return scaleApp(runner, resolveInstances(instances, usableCpus().count), target);
  }

  /** What runs now, app by app. */
  status(): readonly AppStatus[] {
    return [...this.#runners.values()].map(statusOf);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #runner({ app }: AppTarget): AppRunner {
    const known = [...this.#runners.keys()];
    const only = known.length === 1 ? known[0] : undefined;
    const name = app ?? only ?? "";
    const runner = this.#runners.get(name);
    if (!runner) throw new HoldfastError("HF_NO_SUCH_APP", { app: name, known });
    return runner;
  }

  /** Descendants that left their process group carry the marker in their environment still. */
  #sweep(): void {
    for (const pid of pidsWithEnvironment("HOLDFAST_SUPERVISOR", this.#marker)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself meanwhile.
      }
    }
  }
}

/**
 * Creates a supervisor for one app, a list of apps, or `{ apps: [...] }`; the options are those of
 * docs/options.md. Nothing is started yet. Throws HF_CONFIG_INVALID with every fault at once.
 *
 * @example
 * await using supervisor = createSupervisor({ script: "server.js", instances: 4 });
 * await supervisor.start();
 */
export function createSupervisor(
  input: ConfigInput,
  settings: SupervisorSettings = {},
): Supervisor {
  const parsed = parseConfig(input, { directory: process.cwd(), packageNameOf });
  if (!parsed.ok) throw new HoldfastError("HF_CONFIG_INVALID", { faults: parsed.faults });
  return new Supervisor(parsed.value, settings);
}

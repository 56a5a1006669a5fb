/**
 * What a person can have done to apps, one outcome for each: a failure of one does not stop the others.
 * What should be is written down before it is done: a supervisor that dies meanwhile has not forgotten it.
 */

import type { AppOptions } from "../config/app.ts";
import { instancesInput, instancesKind, isRange } from "../config/instances.ts";
import { explained, HoldfastError } from "../errors.ts";
import type { Outcome } from "../link/control.ts";
import type { Registry } from "./registry.ts";
import { startInOrder } from "./start-order.ts";
import type { Supervisor } from "./supervisor.ts";
import type { Turns } from "./turns.ts";

export interface OperationsContext {
  readonly supervisor: Supervisor;
  readonly registry: Registry;
  readonly turns: Turns;
  /** The supervisor ends: what is started now would be killed. */
  isClosing(): boolean;
}

export class Operations {
  readonly #context: OperationsContext;

  constructor(context: OperationsContext) {
    this.#context = context;
  }

  /** Starts apps, each after those it depends on are ready. What runs already is left alone. */
  start(names: readonly string[]): Promise<readonly Outcome[]> {
    const { registry } = this.#context;
    this.#mean(names, false);
    return startInOrder(
      names,
      (name) => registry.options(name).dependsOn,
      (name, failed) => this.#outcome(name, () => this.#startOne(name, failed)),
      ({ error }) => error !== null,
    );
  }

  stop(names: readonly string[]): Promise<readonly Outcome[]> {
    this.#mean(names, true);
    return this.#each(names, async (name) => {
      const wasRunning = this.#isRunning(name);
      await this.#context.supervisor.stop({ app: name });
      return wasRunning ? "stopped" : "was stopped already";
    });
  }

  /** Stopped apps are started: after a restart an app runs. */
  restart(targets: ReadonlyMap<string, readonly number[] | "all">): Promise<readonly Outcome[]> {
    const { registry, supervisor } = this.#context;
    const names = [...targets.keys()];
    // Whole apps come back with the options of now, also where a reload was about to try them.
    for (const name of names) if (targets.get(name) === "all") registry.settle(name, true);
    this.#mean(names, false);
    return this.#each(names, async (name) => {
      if (!this.#isRunning(name)) return this.#startOne(name);
      const slots = targets.get(name);
      await supervisor.restart({ app: name, ...(slots === "all" || !slots ? {} : { slots }) });
      return "restarted";
    });
  }

  reload(names: readonly string[]): Promise<readonly Outcome[]> {
    this.#mean(names, false);
    return this.#each(names, async (name) => {
      if (!this.#isRunning(name)) return this.#startOne(name);
      const generation = await this.#context.supervisor.reload({ app: name });
      return `reloaded, generation ${generation}`;
    });
  }

  /** Who adds an app of one of these names meanwhile waits until it is gone. */
  remove(names: readonly string[]): Promise<readonly Outcome[]> {
    const { registry, turns } = this.#context;
    for (const name of names) registry.drop(name);
    registry.note();
    return turns.meanwhile(names, () =>
      this.#each(names, async (name) => {
        await registry.remove(name);
        return "removed";
      }),
    );
  }

  /** Also keeps the number, so that it holds after the next start. */
  scale(name: string, instances: AppOptions["instances"]): Promise<readonly Outcome[]> {
    const { registry, supervisor } = this.#context;
    return this.#each([name], async () => {
      const before = registry.options(name).instances;
      registry.resize(name, instances);
      registry.note();
      if (this.#isRunning(name)) await supervisor.scale(instancesInput(instances), { app: name });
      return scaled(before, instances);
    });
  }

  /** Written down before it is done. What cannot be written now is tried again, and told, at the end. */
  #mean(names: readonly string[], stopped: boolean): void {
    const { registry } = this.#context;
    for (const name of names) registry.setStopped(name, stopped);
    registry.note();
  }

  async #startOne(name: string, failedDependency: string | null = null): Promise<string> {
    const { supervisor, registry, isClosing } = this.#context;
    if (failedDependency !== null) {
      throw new HoldfastError("HF_DEPENDENCY_FAILED", { app: name, dependency: failedDependency });
    }
    // While it waited for those it depends on, somebody may have thought better of it.
    if (isClosing()) throw new HoldfastError("HF_SHUTTING_DOWN", { pid: process.pid });
    if (registry.isStopped(name)) {
      throw new HoldfastError("HF_NOT_RUNNING", { app: name, action: "start", status: "stopped" });
    }
    const wasRunning = this.#isRunning(name);
    await supervisor.start({ app: name });
    return wasRunning ? "ran already" : "started";
  }

  #isRunning(name: string): boolean {
    return this.#context.supervisor.statusOf(name).status === "running";
  }

  #each(
    names: readonly string[],
    act: (name: string) => Promise<string>,
  ): Promise<readonly Outcome[]> {
    return Promise.all(names.map((name) => this.#outcome(name, () => act(name))));
  }

  async #outcome(app: string, act: () => Promise<string>): Promise<Outcome> {
    try {
      return { app, did: await act(), error: null };
    } catch (error) {
      return { app, did: "failed", error: explained(error) };
    }
  }
}

function scaled(before: AppOptions["instances"], now: AppOptions["instances"]): string {
  const what = `scaled to ${instancesKind.show(now)}`;
  if (isRange(now)) return `${what}, following the load`;
  return isRange(before) ? `${what}, and no longer following the load` : what;
}

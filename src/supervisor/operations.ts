/** What a person can have done to apps, one outcome for each: a failure of one does not stop the others. */

import type { AppOptions } from "../config/app.ts";
import { explained, HoldfastError } from "../errors.ts";
import type { Outcome } from "../link/control.ts";
import type { Registry } from "./registry.ts";
import { startInOrder } from "./start-order.ts";
import type { Supervisor } from "./supervisor.ts";

export class Operations {
  readonly #supervisor: Supervisor;
  readonly #registry: Registry;

  constructor(supervisor: Supervisor, registry: Registry) {
    this.#supervisor = supervisor;
    this.#registry = registry;
  }

  /** Starts apps, each after those it depends on are ready. What runs already is left alone. */
  start(names: readonly string[]): Promise<readonly Outcome[]> {
    for (const name of names) this.#registry.setStopped(name, false);
    return startInOrder(
      names,
      (name) => this.#registry.options(name).dependsOn,
      (name, failed) => this.#outcome(name, () => this.#startOne(name, failed)),
      ({ error }) => error !== null,
    );
  }

  stop(names: readonly string[]): Promise<readonly Outcome[]> {
    return this.#each(names, async (name) => {
      const wasRunning = this.#isRunning(name);
      this.#registry.setStopped(name, true);
      await this.#supervisor.stop({ app: name });
      return wasRunning ? "stopped" : "was stopped already";
    });
  }

  /** Stopped apps are started: after a restart an app runs. */
  restart(targets: ReadonlyMap<string, readonly number[] | "all">): Promise<readonly Outcome[]> {
    return this.#each([...targets.keys()], async (name) => {
      this.#registry.setStopped(name, false);
      if (!this.#isRunning(name)) return this.#startOne(name);
      const slots = targets.get(name);
      await this.#supervisor.restart({
        app: name,
        ...(slots === "all" || !slots ? {} : { slots }),
      });
      return "restarted";
    });
  }

  reload(names: readonly string[]): Promise<readonly Outcome[]> {
    return this.#each(names, async (name) => {
      this.#registry.setStopped(name, false);
      if (!this.#isRunning(name)) return this.#startOne(name);
      const generation = await this.#supervisor.reload({ app: name });
      return `reloaded, generation ${generation}`;
    });
  }

  remove(names: readonly string[]): Promise<readonly Outcome[]> {
    return this.#each(names, async (name) => {
      await this.#registry.remove(name);
      return "removed";
    });
  }

  /** Also keeps the number, so that it holds after the next start. */
  scale(name: string, instances: AppOptions["instances"]): Promise<readonly Outcome[]> {
    return this.#each([name], async () => {
      const { options, environment } = this.#supervisor.configuration(name);
      const file = this.#registry.configFileOf(name);
      if (this.#isRunning(name)) await this.#supervisor.scale(instances, { app: name });
      this.#registry.configure({ ...options, instances }, environment, file);
      return `scaled to ${instances}`;
    });
  }

  async #startOne(name: string, failedDependency: string | null = null): Promise<string> {
    if (failedDependency !== null) {
      throw new HoldfastError("HF_DEPENDENCY_FAILED", { app: name, dependency: failedDependency });
    }
    // While it waited for those it depends on, somebody may have thought better of it.
    if (this.#registry.isStopped(name)) {
      throw new HoldfastError("HF_NOT_RUNNING", { app: name, action: "start", status: "stopped" });
    }
    const wasRunning = this.#isRunning(name);
    await this.#supervisor.start({ app: name });
    return wasRunning ? "ran already" : "started";
  }

  #isRunning(name: string): boolean {
    return this.#supervisor.statusOf(name).status === "running";
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

/** The apps of a supervisor, and how they are found. */

import { HoldfastError } from "../errors.ts";
import type { ListenRequest } from "../link/agent-messages.ts";
import type { AppRunner } from "./app-runner.ts";

export class Apps {
  /** By name. */
  readonly #known = new Map<string, AppRunner>();
  /** Those that are being removed: nobody finds them, and they are stopped with the others all the same. */
  readonly #leaving = new Map<string, AppRunner>();

  known(): readonly AppRunner[] {
    return [...this.#known.values()];
  }

  /** Those that are being removed, too. */
  all(): readonly AppRunner[] {
    return [...this.#known.values(), ...this.#leaving.values()];
  }

  /** Every process has got as far as its agent, and outlives this supervisor from then on. */
  areUp(): boolean {
    return this.all().every(({ app, workers }) =>
      app.workers.every(({ id, phase }) => phase !== "starting" || workers.get(id)?.hasBeaten()),
    );
  }

  /** The app that has an address another one asks for. */
  at(request: ListenRequest, asking: AppRunner): AppRunner | undefined {
    return this.all().find((one) => one !== asking && one.listeners.occupies(request));
  }

  find(name: string): AppRunner | undefined {
    return this.#known.get(name);
  }

  /** The app that is meant: the one of this name, or the only one. Throws HF_NO_SUCH_APP. */
  one({ app }: { readonly app?: string }): AppRunner {
    const known = [...this.#known.keys()];
    const only = known.length === 1 ? known[0] : undefined;
    const name = app ?? only ?? "";
    const runner = this.#known.get(name);
    if (!runner) throw new HoldfastError("HF_NO_SUCH_APP", { app: name, known });
    return runner;
  }

  /** Throws HF_APP_EXISTS where the name is taken. */
  refuseTaken(name: string): void {
    if (this.#known.has(name) || this.#leaving.has(name))
      throw new HoldfastError("HF_APP_EXISTS", { app: name });
  }

  add(name: string, runner: AppRunner): void {
    this.#known.set(name, runner);
  }

  /** Nobody finds it any more, until it is `gone`. */
  leave(name: string, runner: AppRunner): void {
    this.#known.delete(name);
    this.#leaving.set(name, runner);
  }

  gone(name: string): void {
    this.#leaving.delete(name);
  }
}

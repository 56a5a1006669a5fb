/** The apps a background supervisor should have, kept on disk with every change. */

import type { AppOptions } from "../config/app.ts";
import type { Home } from "../system/home.ts";
import { type SavedApp, saveState } from "./state-file.ts";
import type { Environment, Supervisor } from "./supervisor.ts";

interface Entry {
  configFile: string | null;
  stopped: boolean;
}

export class Registry {
  readonly #supervisor: Supervisor;
  readonly #home: Home;
  readonly #entries = new Map<string, Entry>();
  #isShutDown = false;
  #removed: (name: string) => void = () => {};

  constructor(supervisor: Supervisor, home: Home) {
    this.#supervisor = supervisor;
    this.#home = home;
  }

  /** Takes over what was saved; nothing is started and nothing written. */
  restore(apps: readonly SavedApp[]): void {
    for (const { options, environment, configFile, stopped } of apps) {
      this.#supervisor.add(options, environment);
      this.#entries.set(options.name, { configFile, stopped });
    }
  }

  /** Calls back when an app is gone. */
  onRemoved(removed: (name: string) => void): void {
    this.#removed = removed;
  }

  names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  options(name: string): AppOptions {
    return this.#supervisor.configuration(name).options;
  }

  configFileOf(name: string): string | null {
    return this.#entries.get(name)?.configFile ?? null;
  }

  /** It should not run until somebody starts it. */
  isStopped(name: string): boolean {
    return this.#entries.get(name)?.stopped ?? false;
  }

  add(options: AppOptions, environment: Environment, configFile: string | null): void {
    this.#supervisor.add(options, environment);
    this.#entries.set(options.name, { configFile, stopped: !options.autostart });
  }

  configure(options: AppOptions, environment: Environment, configFile: string | null): void {
    this.#supervisor.configure(options, environment);
    const entry = this.#entries.get(options.name);
    if (entry) entry.configFile = configFile;
  }

  async remove(name: string): Promise<void> {
    this.#entries.delete(name);
    await this.#supervisor.remove(name);
    this.#removed(name);
  }

  setStopped(name: string, stopped: boolean): void {
    const entry = this.#entries.get(name);
    if (entry) entry.stopped = stopped;
    if (!stopped) this.#isShutDown = false;
  }

  /** By command: nothing starts by itself next time. */
  setShutDown(): void {
    this.#isShutDown = true;
  }

  /** Writes what should run. Throws HF_STATE_UNWRITABLE. */
  save(): void {
    saveState(this.#home, {
      isShutDown: this.#isShutDown,
      apps: this.names().map((name) => this.#saved(name)),
    });
  }

  #saved(name: string): SavedApp {
    const { options, environment } = this.#supervisor.configuration(name);
    const { configFile, stopped } = this.#entries.get(name) ?? { configFile: null, stopped: false };
    return { options, environment, configFile, stopped };
  }
}

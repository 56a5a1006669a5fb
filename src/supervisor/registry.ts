/** The apps a background supervisor should have, kept on disk with every change. */

import type { AppOptions } from "../config/app.ts";
import type { Beside } from "../config/parse.ts";
import { HoldfastError } from "../errors.ts";
import type { Home } from "../system/home.ts";
import { type LoadedState, type SavedApp, saveState, type Written } from "./state-file.ts";
import type { Supervisor } from "./supervisor.ts";

interface Entry {
  configFile: string | null;
  stopped: boolean;
  dormant: boolean;
  trial: Trial | null;
}

/** Options that have yet to show that they are any good, and what holds again where they are not. */
interface Trial {
  readonly earlier: Written & { readonly stopped: boolean };
  readonly onDisk: "earlier" | "new";
}

export class Registry {
  readonly #supervisor: Supervisor;
  readonly #home: Home;
  readonly #entries = new Map<string, Entry>();
  #beside: Beside = {};
  #isWritten = true;
  #removed: (name: string) => void = () => {};

  constructor(supervisor: Supervisor, home: Home) {
    this.#supervisor = supervisor;
    this.#home = home;
  }

  /**
   * Takes over what was saved; nothing is started and nothing written. Of apps that run (`isUp`) options may still be
   * on trial; with all others that is over.
   */
  restore(
    { apps, admin, bus, heir }: Omit<LoadedState, "notices">,
    isUp: (app: string) => boolean = () => false,
  ): void {
    this.#beside = { admin, bus, heir };
    for (const { stopped, dormant, trial, ...earlier } of apps) {
      const { name } = earlier.options;
      const tried = isUp(name) ? trial : null;
      const { options, environment, configFile } = tried ?? earlier;
      this.#supervisor.add(options, environment);
      const onTrial: Trial | null = tried && {
        earlier: { ...earlier, stopped },
        onDisk: "earlier",
      };
      this.#entries.set(name, { configFile, stopped, dormant, trial: onTrial });
    }
  }

  /** A reload is to show whether its options hold. */
  isOnTrial(name: string): boolean {
    return this.#entries.get(name)?.trial?.onDisk === "earlier";
  }

  /** Takes over how the admin server or the bus is reached, or whether there is an heir; it is to survive, but nothing is written yet. */
  admit(beside: Beside): void {
    this.#beside = { ...this.#beside, ...beside };
    this.#isWritten = false;
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

  /** It was shut down with the supervisor: it does not start by itself until it is started or resurrected. */
  isDormant(name: string): boolean {
    return this.#entries.get(name)?.dormant ?? false;
  }

  /** Nothing is to run: it was shut down by command, and has come back by itself. */
  isShutDown(): boolean {
    const entries = [...this.#entries.values()];
    return (
      entries.some(({ dormant }) => dormant) &&
      entries.every((each) => each.dormant || each.stopped)
    );
  }

  add({ options, environment, configFile }: Written): void {
    this.#supervisor.add(options, environment);
    const stopped = !options.autostart;
    this.#entries.set(options.name, { configFile, stopped, dormant: false, trial: null });
    this.#isWritten = false;
  }

  configure({ options, environment, configFile }: Written): void {
    this.#supervisor.configure(options, environment);
    const entry = this.#entries.get(options.name);
    if (entry) Object.assign(entry, { configFile, trial: null });
    this.#isWritten = false;
  }

  /**
   * The same, until `settle` says whether they hold. `onDisk`: what runs again if the supervisor dies
   * before; for an app that serves that is what it serves with.
   */
  tryOut(written: Written, onDisk: Trial["onDisk"]): void {
    const { name } = written.options;
    const entry = this.#entries.get(name);
    if (!entry) return;
    const { configFile, stopped } = entry;
    const earlier = { ...this.#supervisor.configuration(name), configFile, stopped };
    this.configure(written);
    entry.trial = { earlier, onDisk };
  }

  /** Options that were tried hold from now on, or those of before do again; nothing where none are tried. */
  settle(name: string, isGood: boolean): void {
    const entry = this.#entries.get(name);
    const earlier = entry?.trial?.earlier;
    if (!entry || !earlier) return;
    entry.trial = null;
    this.#isWritten = false;
    if (isGood) return;
    this.configure(earlier);
    // A stop that was asked for meanwhile stays.
    entry.stopped ||= earlier.stopped;
  }

  /** Another number of workers, whichever options will hold. */
  resize(name: string, instances: AppOptions["instances"]): void {
    const trial = this.#entries.get(name)?.trial ?? null;
    const { options, environment } = this.#supervisor.configuration(name);
    const configFile = this.configFileOf(name);
    this.configure({ options: { ...options, instances }, environment, configFile });
    const entry = this.#entries.get(name);
    if (!entry || !trial) return;
    const earlier = { ...trial.earlier, options: { ...trial.earlier.options, instances } };
    entry.trial = { ...trial, earlier };
  }

  /** It should be there no longer; `remove` is to follow. */
  drop(name: string): void {
    if (this.#entries.delete(name)) this.#isWritten = false;
  }

  /** Resolves when the app is stopped and its name is free. */
  async remove(name: string): Promise<void> {
    this.drop(name);
    await this.#supervisor.remove(name);
    this.#removed(name);
  }

  setStopped(name: string, stopped: boolean): void {
    const entry = this.#entries.get(name);
    if (!entry || (entry.stopped === stopped && !entry.dormant)) return;
    entry.stopped = stopped;
    entry.dormant = false;
    this.#isWritten = false;
  }

  /** By command: nothing that is here starts by itself next time. */
  setShutDown(): void {
    for (const entry of this.#entries.values()) entry.dormant = !entry.stopped;
    this.#isWritten = false;
  }

  /** Writes what should run. Throws HF_STATE_UNWRITABLE. */
  save(): void {
    saveState(
      this.#home,
      [...this.#entries].map(([name, entry]) => this.#saved(name, entry)),
      this.#beside,
    );
    this.#isWritten = true;
  }

  /** Writes what should run where it has changed; the error where that cannot be written: work goes on without. */
  note(): HoldfastError | null {
    if (this.#isWritten) return null;
    try {
      this.save();
      return null;
    } catch (error) {
      if (error instanceof HoldfastError) return error;
      throw error;
    }
  }

  #saved(name: string, { configFile, stopped, dormant, trial }: Entry): SavedApp {
    const now: Written = { ...this.#supervisor.configuration(name), configFile };
    if (trial?.onDisk !== "earlier") return { ...now, stopped, dormant, trial: null };
    const { options, environment, ...earlier } = trial.earlier;
    const { configFile: file } = earlier;
    return { options, environment, configFile: file, stopped, dormant, trial: now };
  }
}

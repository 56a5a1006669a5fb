/** What replaces workers without being asked to: a time, changed files, too much memory. */

import { relative, resolve } from "node:path";
import { type FSWatcher, watch } from "chokidar";
import { Cron } from "croner";
import type { AppOptions } from "../config/app.ts";
import { isIgnored } from "../core/glob.ts";
import { usageOf } from "../system/proc.ts";

/** Memory is looked at this often; what grows faster than that is the kernel's to stop. */
const LOOK_EVERY_MS = 2000;
const MIB = 1024 * 1024;

export type Trigger = "cron" | "watch" | "memory";

/** What triggers need of their app. */
export interface Triggered {
  /** Workers that serve. */
  serving(): readonly { readonly worker: number; readonly pid: number; readonly unwell: boolean }[];
  reload(trigger: Trigger, why: string): void;
  replace(worker: number, why: string): void;
  fault(trigger: Trigger, fault: string): void;
}

export class Triggers {
  readonly #app: Triggered;
  #cron: Cron | null = null;
  #watcher: FSWatcher | null = null;
  #memory: NodeJS.Timeout | null = null;
  #settling: NodeJS.Timeout | null = null;

  constructor(app: Triggered) {
    this.#app = app;
  }

  /** From now on as these options say; what was armed before is not any more. */
  arm(options: AppOptions): void {
    this.disarm();
    const { cron, watch: watched, maxMemoryBytes } = options;
    if (cron !== null) {
      this.#cron = new Cron(cron, { unref: true }, () =>
        this.#app.reload("cron", `the time of "${cron}" has come`),
      );
    }
    if (watched !== null) this.#watch(options.cwd, watched);
    if (maxMemoryBytes !== null) {
      this.#memory = setInterval(() => this.#weigh(maxMemoryBytes), LOOK_EVERY_MS).unref();
    }
  }

  disarm(): void {
    this.#cron?.stop();
    this.#cron = null;
    // Its last events may still be under way: they find nobody.
    void this.#watcher?.close();
    this.#watcher = null;
    if (this.#memory) clearInterval(this.#memory);
    this.#memory = null;
    if (this.#settling) clearTimeout(this.#settling);
    this.#settling = null;
  }

  #watch(cwd: string, { paths, ignore, delayMs }: NonNullable<AppOptions["watch"]>): void {
    const roots = paths.map((path) => resolve(cwd, path));
    const isOut = (path: string): boolean =>
      roots.every((root) => isIgnored(relative(root, path), ignore));
    const watcher = watch(roots, { ignoreInitial: true, persistent: false, ignored: isOut });
    this.#watcher = watcher;
    watcher.on("all", (_event, path) => {
      if (this.#watcher !== watcher) return;
      if (this.#settling) clearTimeout(this.#settling);
      const reload = (): void => this.#app.reload("watch", `${path} has changed`);
      this.#settling = setTimeout(reload, delayMs).unref();
    });
    watcher.on("error", (error) =>
      this.#app.fault("watch", error instanceof Error ? error.message : String(error)),
    );
  }

  /** The largest first, and one at a time: a leak has all workers at their limit at once. */
  #weigh(limitBytes: number): void {
    const serving = this.#app.serving();
    if (serving.some(({ unwell }) => unwell)) return;
    const [largest] = serving
      .map(({ worker, pid }) => ({ worker, bytes: usageOf(pid)?.memoryBytes ?? 0 }))
      .sort((left, right) => right.bytes - left.bytes);
    if (!largest || largest.bytes <= limitBytes) return;
    const [has, may] = [largest.bytes, limitBytes].map((each) => `${Math.round(each / MIB)} MiB`);
    this.#app.replace(largest.worker, `it uses ${has} of memory, and its limit is ${may}`);
  }
}

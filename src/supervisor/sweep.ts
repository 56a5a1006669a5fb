/**
 * What workers leave behind: a process that left its worker's process group, and lost its parents, is
 * still found by the variables it inherited. On Linux; elsewhere nothing is found.
 */

import { pidsWithEnvironment, variableOf } from "../system/proc.ts";

/** Workers that end together are swept after together: looking at every process takes milliseconds. */
const SOON_MS = 200;

/** What has workers, by their ids. */
interface HasWorkers {
  readonly workers: ReadonlyMap<number, unknown>;
}

/** Kills what workers that are gone have left behind, and in the end everything. */
export class Sweeper {
  readonly #marker: string;
  readonly #apps: () => readonly HasWorkers[];
  #timer: NodeJS.Timeout | null = null;

  /** `marker`: HOLDFAST_SUPERVISOR of everything below this supervisor. */
  constructor(marker: string, apps: () => readonly HasWorkers[]) {
    this.#marker = marker;
    this.#apps = apps;
  }

  /** A worker has ended: kills what it left, in a moment. */
  soon(): void {
    this.#timer ??= setTimeout(() => this.sweep("left"), SOON_MS).unref();
  }

  /** SIGKILL to every process whose worker is gone ("left"), or to every one below this supervisor. */
  sweep(which: "left" | "all"): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    for (const pid of pidsWithEnvironment("HOLDFAST_SUPERVISOR", this.#marker)) {
      if (which === "left" && !this.#isLeft(pid)) continue;
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself meanwhile.
      }
    }
  }

  #isLeft(pid: number): boolean {
    const worker = variableOf(pid, "HOLDFAST_WORKER");
    return worker !== null && !this.#apps().some(({ workers }) => workers.has(Number(worker)));
  }
}

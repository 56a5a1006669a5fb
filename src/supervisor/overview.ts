/** Puts together what the command line is told: state, past, and what the system says of each process. */

import { userInfo } from "node:os";
import type { AppOverview, Overview, WorkerOverview } from "../core/overview.ts";
import { OVERVIEW_VERSION } from "../core/overview.ts";
import type { AppStatus, WorkerStatus } from "../core/snapshot.ts";
import { usageOf } from "../system/proc.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Supervisor } from "./supervisor.ts";

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface OverviewFacts {
  readonly home: string;
  readonly version: string;
  configFileOf(app: string): string | null;
  logsOf(app: string, slot: number): { out: string | null; err: string | null };
}

export class Overviews {
  readonly #supervisor: Supervisor;
  readonly #chronicle: Chronicle;
  readonly #facts: OverviewFacts;
  readonly #startedAt = Date.now();
  /** CPU time of each process at the last look. */
  #looks = new Map<number, { at: number; cpuTicks: number }>();

  constructor(supervisor: Supervisor, chronicle: Chronicle, facts: OverviewFacts) {
    this.#supervisor = supervisor;
    this.#chronicle = chronicle;
    this.#facts = facts;
  }

  now(): Overview {
    const looks = new Map<number, { at: number; cpuTicks: number }>();
    const apps = this.#supervisor.status().map((app) => this.#app(app, looks));
    this.#looks = looks;
    return {
      version: OVERVIEW_VERSION,
      supervisor: {
        pid: process.pid,
        version: this.#facts.version,
        node: process.versions.node,
        startedAt: this.#startedAt,
        home: this.#facts.home,
        user: userName(),
      },
      apps,
    };
  }

  #app(status: AppStatus, looks: Map<number, { at: number; cpuTicks: number }>): AppOverview {
    const { name } = status;
    const { options } = this.#supervisor.configuration(name);
    const past = this.#chronicle.of(name);
    return {
      ...status,
      namespace: options.namespace,
      script: options.script,
      file: this.#supervisor.fileOf(name),
      cwd: options.cwd,
      args: options.args,
      since: past.since,
      configFile: this.#facts.configFileOf(name),
      restarts: [...past.restarts.values()].reduce((sum, each) => sum + each, 0),
      crashes: past.crashes,
      lastExit: past.lastExit,
      lastReload: past.lastReload,
      workers: status.workers.map((worker) => this.#worker(worker, looks)),
      slots: status.slots.map((slot) => ({
        ...slot,
        restarts: past.restarts.get(slot.slot) ?? 0,
        logs: this.#facts.logsOf(name, slot.slot),
      })),
    };
  }

  #worker(
    worker: WorkerStatus,
    looks: Map<number, { at: number; cpuTicks: number }>,
  ): WorkerOverview {
    const usage = worker.pid === null ? null : usageOf(worker.pid);
    if (worker.pid === null || !usage) return { ...worker, memoryBytes: null, cpuPercent: null };
    const at = performance.now();
    looks.set(worker.pid, { at, cpuTicks: usage.cpuTicks });
    // The first look averages over the process's life.
    const before = this.#looks.get(worker.pid) ?? { at: at - worker.ageMs, cpuTicks: 0 };
    const seconds = Math.max(0.01, (at - before.at) / 1000);
    const cpuPercent = ((usage.cpuTicks - before.cpuTicks) / TICKS_PER_SECOND / seconds) * 100;
    return {
      ...worker,
      memoryBytes: usage.memoryBytes,
      cpuPercent: Math.max(0, Math.round(cpuPercent * 10) / 10),
    };
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user may have a number only.
    return String(process.getuid?.() ?? "unknown");
  }
}

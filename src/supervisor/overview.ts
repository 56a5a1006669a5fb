/** Puts together what the command line is told: state, past, and what the system says of each process. */

import { userInfo } from "node:os";
import type { AppOptions } from "../config/app.ts";
import type { AppOverview, Overview, WorkerOverview } from "../core/overview.ts";
import { OVERVIEW_VERSION } from "../core/overview.ts";
import type { AppStatus, WorkerStatus } from "../core/snapshot.ts";
import { nodeVersions } from "../system/node-version.ts";
import { usageOf } from "../system/proc.ts";
import type { Chronicle } from "./chronicle.ts";
import { SlotNumbers } from "./slot-numbers.ts";
import type { Succession } from "./succession.ts";
import type { Supervisor } from "./supervisor.ts";

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface OverviewFacts {
  readonly home: string;
  readonly version: string;
  readonly succession: Pick<Succession, "isWanted" | "pid" | "takeovers">;
  configFileOf(app: string): string | null;
  logsOf(app: string, slot: number): { out: string | null; err: string | null };
}

interface Look {
  readonly at: number;
  readonly cpuTicks: number;
}

export class Overviews {
  readonly #supervisor: Supervisor;
  readonly #chronicle: Chronicle;
  readonly #facts: OverviewFacts;
  readonly #startedAt = Date.now();
  readonly #versionOf = nodeVersions();
  readonly #numbers = new SlotNumbers();
  /** CPU time of each process at the last look. */
  #looks = new Map<number, Look>();

  constructor(supervisor: Supervisor, chronicle: Chronicle, facts: OverviewFacts) {
    this.#supervisor = supervisor;
    this.#chronicle = chronicle;
    this.#facts = facts;
  }

  /** Never rejects; waits for a Node binary that is met for the first time to say its version. */
  async now(): Promise<Overview> {
    const versions = await this.#versions();
    const looks = new Map<number, Look>();
    const status = this.#supervisor.status();
    this.#numbers.keepOnly(status.map(({ name }) => name));
    const apps = status.map((app) => this.#app(app, looks, versions));
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
        admin: this.#supervisor.admin.address,
        heir: { wanted: this.#facts.succession.isWanted, pid: this.#facts.succession.pid },
        takeovers: this.#facts.succession.takeovers,
      },
      apps,
    };
  }

  /** By binary, of all apps there are. */
  async #versions(): Promise<ReadonlyMap<string, string | null>> {
    const named = this.#supervisor.status().map(({ name }) => {
      const { options } = this.#supervisor.configuration(name);
      return interpreterOf(options);
    });
    const asked = [...new Set(named)].map(
      async (binary) => [binary, await this.#versionOf(binary)] as const,
    );
    return new Map(await Promise.all(asked));
  }

  #app(
    status: AppStatus,
    looks: Map<number, Look>,
    versions: ReadonlyMap<string, string | null>,
  ): AppOverview {
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
      ...runsAs(options),
      nodeVersion: versions.get(interpreterOf(options)) ?? null,
      since: past.since,
      configFile: this.#facts.configFileOf(name),
      restarts: [...past.restarts.values()].reduce((sum, each) => sum + each, 0),
      crashes: past.crashes,
      lastExit: past.lastExit,
      lastReload: past.lastReload,
      workers: status.workers.map((worker) => this.#worker(worker, looks)),
      slots: status.slots.map((slot) => ({
        ...slot,
        number: this.#numbers.of(name, slot.slot),
        restarts: past.restarts.get(slot.slot) ?? 0,
        logs: this.#facts.logsOf(name, slot.slot),
      })),
    };
  }

  #worker(worker: WorkerStatus, looks: Map<number, Look>): WorkerOverview {
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

/** What holds for all workers of an app. */
function runsAs(
  options: AppOptions,
): Pick<
  AppOverview,
  | "execMode"
  | "interpreter"
  | "nodeArgs"
  | "drainTimeoutMs"
  | "shutdownMessage"
  | "autorestart"
  | "autostart"
  | "watch"
  | "cron"
  | "maxMemoryBytes"
  | "sticky"
> {
  const { nodeArgs, drainTimeoutMs, shutdownMessage } = options;
  const { autorestart, autostart, watch, cron, maxMemoryBytes } = options;
  return {
    ...{ execMode: options.execMode, interpreter: interpreterOf(options), nodeArgs },
    ...{ drainTimeoutMs, shutdownMessage, autorestart, autostart },
    ...{ watch: watch?.paths ?? null, cron, maxMemoryBytes, sticky: options.sticky?.by ?? null },
  };
}

function interpreterOf({ interpreter }: AppOptions): string {
  return interpreter ?? process.execPath;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user may have a number only.
    return String(process.getuid?.() ?? "unknown");
  }
}

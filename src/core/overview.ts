/** What the command line, the API and the dashboard are told of a supervisor and its apps. Types only. */

import type { AppStatus, SlotStatus, WorkerStatus } from "./snapshot.ts";
import type { ExitReason } from "./worker.ts";

/** The shape's version: raised when a field changes its meaning or goes, not when one is added. */
export const OVERVIEW_VERSION = 1;

export interface Overview {
  readonly version: typeof OVERVIEW_VERSION;
  readonly supervisor: {
    readonly pid: number;
    /** Of Holdfast itself. */
    readonly version: string;
    readonly node: string;
    /** Milliseconds since 1970. */
    readonly startedAt: number;
    /** The folder that holds its socket, state and logs. */
    readonly home: string;
    /** The user the supervisor runs as. */
    readonly user: string;
  };
  readonly apps: readonly AppOverview[];
}

export interface AppOverview extends Omit<AppStatus, "workers" | "slots"> {
  readonly namespace: string;
  /** As configured, and the file it stands for now. */
  readonly script: string;
  readonly file: string | null;
  readonly cwd: string;
  readonly args: readonly string[];
  /** When the status became what it is. Milliseconds since 1970. */
  readonly since: number;
  /** The path of the file that describes the app, null when it was started by hand. */
  readonly configFile: string | null;
  /** Processes started in place of others: after crashes, and by reloads and restarts together. */
  readonly restarts: number;
  readonly crashes: number;
  readonly lastExit: LastExit | null;
  readonly lastReload: LastReload | null;
  readonly workers: readonly WorkerOverview[];
  readonly slots: readonly SlotOverview[];
}

export interface WorkerOverview extends WorkerStatus {
  /** Resident memory in bytes and CPU time in percent of one CPU, averaged since the last look; null where unknown. */
  readonly memoryBytes: number | null;
  readonly cpuPercent: number | null;
}

export interface SlotOverview extends SlotStatus {
  /** Processes started in this slot in place of one that had ended. */
  readonly restarts: number;
  readonly logs: { readonly out: string | null; readonly err: string | null };
}

export interface LastExit {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly slot: number;
  readonly pid: number | null;
  readonly reason: ExitReason;
  /** A sentence. */
  readonly cause: string;
  /** The last lines the worker wrote, oldest first. */
  readonly lastOutput: readonly string[];
}

export interface LastReload {
  readonly at: number;
  readonly generation: number;
  readonly result: "done" | "unchanged" | "rolled-back" | "mixed";
  /** Null when it was done. */
  readonly cause: string | null;
}

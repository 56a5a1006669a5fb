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
    /** Where metrics and probes are answered; null where they are not. */
    readonly admin: string | null;
    /** Whether a process is to take over when the supervisor is killed, and which; null while there is none. */
    readonly heir: { readonly wanted: boolean; readonly pid: number | null };
    /** How often one has, since the home's supervisor was first started. */
    readonly takeovers: number;
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
  /** What the program finds itself to be; the addresses it listens on are shared in both. */
  readonly execMode: "cluster" | "fork";
  /** The Node binary that runs the workers, its version (null where it does not say), and its arguments. */
  readonly interpreter: string;
  readonly nodeVersion: string | null;
  readonly nodeArgs: readonly string[];
  /** How long a worker that is to go may take, in milliseconds; then it is killed with all it has started. */
  readonly drainTimeoutMs: number;
  /** It is told by PM2's message "shutdown" instead of a signal. */
  readonly shutdownMessage: boolean;
  readonly autorestart: boolean;
  readonly autostart: boolean;
  /** Paths that are watched, null where none are. */
  readonly watch: readonly string[] | null;
  readonly cron: string | null;
  /** Of one worker; null: no limit. */
  readonly maxMemoryBytes: number | null;
  /** What names a session, in order; null: requests are served where they arrive. */
  readonly sticky: readonly string[] | null;
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
  /** Over all apps, kept as long as the app and the supervisor are there. */
  readonly number: number;
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
  /** Where its event loop stood, innermost call first, a call a line; null where that is unknown or not the reason. */
  readonly stack: string | null;
}

export interface LastReload {
  readonly at: number;
  readonly generation: number;
  readonly result: "done" | "unchanged" | "rolled-back" | "mixed";
  /** Null when it was done. */
  readonly cause: string | null;
}

/** What a supervisor tells its listeners: one shape per event, plain data. */

import type { Silence } from "../core/health.ts";
import type { ExitReason } from "../core/worker.ts";

/** What has workers replaced; of `memory-hard` the worker is killed at once. */
export type Trigger =
  | "cron"
  | "watch"
  | "memory"
  | "memory-hard"
  | "lifetime"
  | "requests"
  | "health";

interface OfApp {
  readonly app: string;
}

interface OfWorker extends OfApp {
  /** Unique in the life of the supervisor. */
  readonly worker: number;
  readonly slot: number;
  readonly generation: number;
  readonly pid: number | null;
}

export interface SupervisorEvents {
  "worker:start": [OfWorker];
  /** `tookMs`: from the start of the process. */
  "worker:ready": [OfWorker & { readonly tookMs: number }];
  /** Another supervisor started it and is gone; it serves on, and is this one's from now on. */
  "worker:adopted": [OfWorker];
  /** The worker was asked to go. */
  "worker:drain": [OfWorker & { readonly why: string }];
  /**
   * `cause` is a sentence; `lastOutput` holds the last lines the worker wrote, oldest first; `stack` where
   * its event loop stood, innermost call first, of one that was replaced for its silence.
   */
  "worker:exit": [
    OfWorker & {
      readonly reason: ExitReason;
      readonly code: number | null;
      readonly signal: string | null;
      readonly cause: string;
      readonly lastOutput: readonly string[];
      readonly stack: string | null;
    },
  ];
  /**
   * No beat of its event loop for `silentMs`: `kind` says why, `stack` where it stands, where that is known.
   * It is being replaced, its successor first, or (`replaced` false) left alone: a debugger holds it, or
   * it may still come back.
   */
  "worker:hung": [
    OfWorker & {
      readonly kind: Silence;
      readonly silentMs: number;
      readonly stack: string | null;
      readonly replaced: boolean;
    },
  ];
  /** Its health probe has failed several times in a row. */
  "worker:unhealthy": [OfWorker & { readonly fault: string }];
  /** It beats again, or its probe succeeds again; `from` is what was wrong. */
  "worker:recovered": [OfWorker & { readonly from: Silence | "unhealthy" }];
  /** The worker did something it should not: a malformed or endless message, a forged one. */
  "worker:fault": [OfWorker & { readonly fault: string }];
  /** A log file cannot be opened or rotated, or its disk is full; told once until that is over. */
  "log:fault": [
    OfApp & {
      readonly path: string;
      readonly kind: "open" | "disk" | "rotate";
      readonly what: string;
    },
  ];
  /** What the app sent with `process.send()`. */
  "worker:message": [OfWorker & { readonly message: unknown }];
  /** The slot crashed and tries again after a backoff. Milliseconds. */
  "slot:waiting": [
    OfApp & { readonly slot: number; readonly retryInMs: number; readonly crashes: number },
  ];
  /** The slot's restart budget is spent: one try per restart window from now on. */
  "slot:failed": [
    OfApp & { readonly slot: number; readonly retryInMs: number; readonly crashes: number },
  ];
  "slot:recovered": [OfApp & { readonly slot: number }];
  /** Its worker has ended and none follows (`autorestart`, `stopExitCodes`). */
  "slot:done": [OfApp & { readonly slot: number }];
  "reload:start": [OfApp & { readonly generation: number }];
  "reload:progress": [
    OfApp & { readonly generation: number; readonly renewed: number; readonly of: number },
  ];
  "reload:done": [OfApp & { readonly generation: number }];
  "reload:failed": [
    OfApp & {
      readonly generation: number;
      readonly cause: string;
      readonly outcome: "unchanged" | "rolled-back" | "mixed";
      readonly lastOutput: readonly string[];
    },
  ];
  /** Workers are being replaced although nobody asked for it; `why` is a sentence. */
  "trigger:fired": [
    OfApp & {
      readonly trigger: Trigger;
      readonly worker: number | null;
      readonly why: string;
    },
  ];
  /** What a trigger looks at cannot be looked at, such as a folder that is not there. */
  "trigger:fault": [OfApp & { readonly trigger: string; readonly fault: string }];
  /** The number of workers follows the load; `why` is a sentence. */
  "app:autoscaled": [OfApp & { readonly from: number; readonly to: number; readonly why: string }];
  /** More are wanted, and there is no memory for them; told once until their number changes. */
  "app:autoscale-refused": [
    OfApp & { readonly size: number; readonly wanted: number; readonly why: string },
  ];
  "app:scaled": [OfApp & { readonly instances: number }];
  "app:stopped": [OfApp];
  /** The admin server listens, where `address` says, such as `127.0.0.1:9464`. */
  "admin:listening": [{ readonly address: string }];
  /** It cannot, and is tried again; or it failed to answer. The apps do not notice. */
  "admin:fault": [{ readonly error: unknown }];
  /** Other machines reach the bus where `address` says, such as `10.0.0.1:7420`. */
  "bus:listening": [{ readonly address: string }];
  /** The bus cannot be reached, or somebody on it is not who they say. The apps run on. */
  "bus:fault": [{ readonly error: unknown }];
  /** Every app is being stopped. */
  stopping: [];
}

export type Emit = <Name extends keyof SupervisorEvents>(
  name: Name,
  ...args: SupervisorEvents[Name]
) => void;

/** Every event but `worker:message`, which apps may send by the thousand. */
export const EVENT_NAMES = [
  "worker:start",
  "worker:ready",
  "worker:adopted",
  "worker:drain",
  "worker:exit",
  "worker:fault",
  "worker:hung",
  "worker:unhealthy",
  "worker:recovered",
  "slot:waiting",
  "slot:failed",
  "slot:recovered",
  "slot:done",
  "reload:start",
  "reload:progress",
  "reload:done",
  "reload:failed",
  "trigger:fired",
  "trigger:fault",
  "app:autoscaled",
  "app:autoscale-refused",
  "app:scaled",
  "app:stopped",
] as const satisfies readonly (keyof SupervisorEvents)[];

/**
 * What a listener throws is thrown a moment later, as an uncaught exception: what the supervisor is about to do it
 * does first, or an app would be left half changed for ever.
 */
export function shielded(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

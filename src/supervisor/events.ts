/** What a supervisor tells its listeners: one shape per event, plain data. */

import type { ExitReason } from "../core/worker.ts";

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
  /** The worker was asked to go. */
  "worker:drain": [OfWorker & { readonly why: string }];
  /** `cause` is a sentence; `lastOutput` holds the last lines the worker wrote, oldest first. */
  "worker:exit": [
    OfWorker & {
      readonly reason: ExitReason;
      readonly code: number | null;
      readonly signal: string | null;
      readonly cause: string;
      readonly lastOutput: readonly string[];
    },
  ];
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
      readonly trigger: "cron" | "watch" | "memory";
      readonly worker: number | null;
      readonly why: string;
    },
  ];
  /** What a trigger looks at cannot be looked at, such as a folder that is not there. */
  "trigger:fault": [OfApp & { readonly trigger: string; readonly fault: string }];
  "app:scaled": [OfApp & { readonly instances: number }];
  "app:stopped": [OfApp];
}

export type Emit = <Name extends keyof SupervisorEvents>(
  name: Name,
  ...args: SupervisorEvents[Name]
) => void;

/** Every event but `worker:message`, which apps may send by the thousand. */
export const EVENT_NAMES = [
  "worker:start",
  "worker:ready",
  "worker:drain",
  "worker:exit",
  "worker:fault",
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
  "app:scaled",
  "app:stopped",
] as const satisfies readonly (keyof SupervisorEvents)[];

/** What a service file is made from, whichever service manager reads it. Types only. */

export interface Service {
  /** `holdfast-web` in holdfast-web.service. */
  readonly name: string;
  readonly user: string;
  /** Null: the user's own group. */
  readonly group: string | null;
  /** Absolute paths. */
  readonly home: string;
  readonly node: string;
  readonly cli: string;
  /** PATH of the supervisor and of apps that inherit none. */
  readonly path: string;
  /** How long all apps may take to drain before they are killed. */
  readonly stopTimeoutMs: number;
  /** A supervisor that was silent for so long is replaced; null: nobody watches. */
  readonly watchdogMs: number | null;
  /** How many files each process may have open. */
  readonly openFiles: number;
  /** Restrictions that Node apps do not feel. */
  readonly hardening: boolean;
  /** A restart leaves workers to the next supervisor; so there is no heir. */
  readonly keepWorkers: boolean;
  /** Ports below 1024 for a user who is not root. */
  readonly lowPorts: boolean;
}

export type Platform = "systemd" | "openrc" | "launchd";

/** The first line of what is written: a file without it is somebody else's. */
export const MARKER = "Written by `holdfast startup`";

/** The control protocol's words: what the command line asks a background supervisor, and what it hears. Types only. */

import type { Overview } from "../core/overview.ts";
import type { Explained } from "../errors.ts";

/** Raised when an older side could misunderstand a newer one; new verbs and fields do not raise it. */
export const PROTOCOL = 1;

/** A failure of this number answers no question: the supervisor ends, and says why. Questions count from 1. */
export const GOODBYE_ID = 0;

/** The first frame from either side. */
export interface Hello {
  readonly protocol: number;
  /** Of Holdfast. */
  readonly version: string;
  readonly pid: number;
}

/** One app as it travels: options by their names in a configuration file. */
export interface WireApp {
  readonly options: Readonly<Record<string, unknown>>;
}

export interface Apply {
  readonly apps: readonly WireApp[];
  /** Where they are written; null for one given on the command line. */
  readonly configFile: string | null;
  /** What apps that are new inherit, and all of them with `updateEnv`. */
  readonly environment: Readonly<Record<string, string>>;
  readonly updateEnv: boolean;
  /** Remove apps of the same file that it no longer names. */
  readonly prune: boolean;
  /** Only say what would be done. */
  readonly dryRun: boolean;
  /** Reload apps although nothing about them has changed: their code may have. */
  readonly reload: boolean;
}

/** What was done could not be written down: this is why. */
export interface Unsaved {
  readonly unsaved?: Explained;
}

export interface Applied extends Unsaved {
  /** One line for each thing that was, or would be, done. */
  readonly plan: readonly string[];
  /** Apps that were kept as they were. */
  readonly unchanged: readonly string[];
  readonly outcomes: readonly Outcome[];
}

/** How an operation ended for one app. */
export interface Outcome {
  readonly app: string;
  readonly did: string;
  /** Null when it was done. */
  readonly error: Explained | null;
}

export interface AdminOutcome extends Unsaved {
  /** Something like "listens on 127.0.0.1:9464"; null where nothing changes. */
  readonly did: string | null;
  /** Why it does not listen. */
  readonly error: Explained | null;
}

export interface HeirOutcome extends Unsaved {
  /** "on" or "off"; null where nothing changes. */
  readonly did: string | null;
}

/** What becomes the supervisor: its files are absolute paths. */
export interface Upgrade {
  /** Of Holdfast. */
  readonly version: string;
  /** The Node that runs it. */
  readonly node: string;
  readonly heir: string;
  readonly takeover: string;
  /** How long it may take until it could follow. Default: 30 s. */
  readonly withinMs?: number;
}

export interface Upgraded {
  /** Versions of Holdfast. */
  readonly from: string;
  readonly to: string;
  /** The version of Node that runs it from now on. */
  readonly node: string;
  /** The process that answers in a moment. */
  readonly pid: number;
}

/** What each verb takes and gives. */
export interface Verbs {
  overview: { takes: Record<never, never>; gives: Overview };
  apply: { takes: Apply; gives: Applied };
  start: { takes: Targets; gives: Outcomes };
  stop: { takes: Targets; gives: Outcomes };
  restart: { takes: Targets; gives: Outcomes };
  reload: { takes: Targets; gives: Outcomes };
  delete: { takes: Targets; gives: Outcomes };
  scale: { takes: { readonly app: string; readonly instances: string }; gives: Outcomes };
  signal: { takes: Targets & { readonly signal: string }; gives: { readonly pids: number[] } };
  wait: {
    takes: Targets & { readonly for: "ready" | "stopped" };
    gives: { readonly apps: readonly string[] };
  };
  env: {
    takes: Targets;
    gives: { readonly apps: Readonly<Record<string, Readonly<Record<string, string>>>> };
  };
  events: { takes: Targets; gives: Record<never, never> };
  /** How the admin server is reached, as in a configuration file; null switches it off. */
  admin: {
    takes: { readonly admin: unknown; readonly dryRun: boolean };
    gives: AdminOutcome;
  };
  /** How other machines reach the bus, as in a configuration file; null switches it off. */
  remote: {
    takes: { readonly bus: unknown; readonly dryRun: boolean };
    gives: AdminOutcome;
  };
  /** Whether a standby process is to take over when the supervisor is killed. */
  heir: {
    takes: { readonly heir: boolean; readonly dryRun: boolean };
    gives: HeirOutcome;
  };
  metrics: {
    takes: { readonly openMetrics: boolean };
    gives: { readonly contentType: string; readonly body: string };
  };
  /** Where the bus is for what runs as the supervisor's own user; it is opened where it is not. */
  bus: { takes: Record<never, never>; gives: { readonly path: string } };
  save: { takes: Record<never, never>; gives: { readonly file: string; readonly apps: number } };
  resurrect: { takes: Record<never, never>; gives: Outcomes };
  /** The supervisor steps down for another one, and workers serve on. */
  upgrade: { takes: Upgrade; gives: Upgraded };
  shutdown: { takes: Record<never, never>; gives: { readonly stopped: readonly string[] } };
}

export interface Targets {
  /** Names, `name:slot`, namespaces, globs, `all`. */
  readonly targets: readonly string[];
}

export interface Outcomes extends Unsaved {
  readonly outcomes: readonly Outcome[];
}

export type Verb = keyof Verbs;

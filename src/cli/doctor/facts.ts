/** What `doctor` looks at. Types only: facts are gathered in one place and judged in another. */

export interface Facts {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Of the process that asks: `v22.14.0`. */
  readonly node: string;
  /** Of this command. */
  readonly version: string;
  /** How many files a process may have open; null where the system does not tell. */
  readonly openFiles: number | null;
  /** The longest queue of connections not accepted yet (net.core.somaxconn). */
  readonly somaxconn: number | null;
  readonly memory: {
    /** Of the control group or the machine, in bytes. */
    readonly limitBytes: number;
    readonly isLimited: boolean;
    /** Resident memory of all workers; null where none runs. */
    readonly usedBytes: number | null;
  };
  readonly cpus: { readonly count: number; readonly why: string; readonly quota: number | null };
  /** Workers of all apps; null where no supervisor runs. */
  readonly workers: number | null;
  readonly home: HomeFacts;
  readonly nodeOptions: string;
  readonly services: readonly ServiceFacts[];
  readonly supervisor: SupervisorFacts;
  /** Process 1 is `holdfast run`: this is inside its container. */
  readonly runsForeground: boolean;
}

export interface HomeFacts {
  readonly directory: string;
  /** Null where there is none yet. */
  readonly found: {
    readonly uid: number;
    readonly mode: number;
    readonly isDirectory: boolean;
  } | null;
  readonly uid: number;
  /** Whether this user may write into it, or make it. */
  readonly isWritable: boolean;
  /** Of the file system it is, or would be, on; null where that is not known. */
  readonly freeBytes: number | null;
  readonly hasSocket: boolean;
  /** The claim in the pid file: alive, of a process that is gone, or none. */
  readonly claim: { readonly pid: number | null; readonly isAlive: boolean } | null;
}

export interface ServiceFacts {
  readonly file: string;
  /** The programs it starts, and whether they are there. */
  readonly programs: readonly { readonly path: string; readonly exists: boolean }[];
}

export type SupervisorFacts =
  | { readonly type: "none" }
  | {
      readonly type: "answers";
      readonly pid: number;
      readonly version: string;
      readonly node: string;
      /** Null for a supervisor that knows of no heirs. */
      readonly heir: HeirFacts | null;
      readonly takeovers: number;
    }
  | { readonly type: "fault"; readonly message: string; readonly remedy: string };

export interface HeirFacts {
  readonly wanted: boolean;
  readonly pid: number | null;
  /** Proportional set size; null where the system does not tell. */
  readonly memoryBytes: number | null;
}

export interface Check {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  /** What was found. */
  readonly what: string;
  /** What to do about it; null where nothing is to be done. */
  readonly fix: string | null;
}

/** Where workers' output lies: one file per slot and stream, written by the workers themselves. */

import { closeSync, constants, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ROTATION_DEFAULTS, type RotationPolicy } from "../core/rotation.ts";
import { type Fault, FaultBook, type FaultKind } from "./faults.ts";

/** What an app says about its logs; app options fit. */
export interface LogTarget {
  /** 1 to 64 characters of [A-Za-z0-9._-]; names the folder. */
  readonly name: string;
  /** Where relative paths start. Default: the working directory. */
  readonly cwd?: string;
  /** A path for the output of all slots instead of the files in the store; "/dev/null" discards it. */
  readonly outFile?: string | null;
  readonly errorFile?: string | null;
  /** One `out.log` and one `err.log` for all slots. */
  readonly mergeLogs?: boolean;
}

export type LogStream = "out" | "err";

/** One file to read, with what its lines are to be called. */
export interface LogSource {
  readonly app: string;
  /** Null where all slots share the file. */
  readonly slot: number | null;
  readonly stream: LogStream;
  readonly path: string;
}

/** A descriptor for a worker's stdout or stderr; null where the output is discarded. */
export interface OpenLog {
  readonly path: string;
  readonly descriptor: number;
  /** Where the worker's own output begins. */
  readonly from: number;
}

export interface LogStore {
  readonly directory: string;
  readonly policy: RotationPolicy;
  /** The files opened so far, and whose they are: what rotation looks after. */
  readonly files: ReadonlyMap<string, { readonly app: string }>;
  /**
   * Opens the file of one slot's stream for appending, folders included. Never throws: what cannot be
   * opened gives null, and is told once. The caller closes the descriptor.
   */
  open(target: LogTarget, slot: number, stream: LogStream): OpenLog | null;
  /** Tells a fault, once until it is gone. */
  report(app: string, path: string, kind: FaultKind, what: string): void;
  mended(path: string, kind: FaultKind): void;
  onFault(listener: (fault: Fault) => void): void;
  /** A rotation took this many bytes off the beginning of a file. */
  shortened(path: string, bytes: number): void;
  /** Bytes taken off the beginning of a file so far. */
  shortenedBy(path: string): number;
}

const DISCARD = "/dev/null";
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o640;
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;

/** A store in `directory`, which is made, for its owner alone, when the first worker starts. */
export function createLogStore(directory: string, policy: Partial<RotationPolicy> = {}): LogStore {
  const files = new Map<string, { app: string }>();
  const removed = new Map<string, number>();
  const faults = new FaultBook();
  return {
    directory,
    policy: { ...ROTATION_DEFAULTS, ...policy },
    files,
    open(target, slot, stream) {
      const path = logPath(directory, target, slot, stream);
      if (path === null) return null;
      try {
        const opened = openForAppending(path);
        if (opened.isFile) files.set(path, { app: target.name });
        faults.mended(path, "open");
        return { path, descriptor: opened.descriptor, from: opened.size };
      } catch (error) {
        faults.report({ app: target.name, path, kind: "open", what: (error as Error).message });
        return null;
      }
    },
    report: (app, path, kind, what) => faults.report({ app, path, kind, what }),
    mended: (path, kind) => faults.mended(path, kind),
    onFault: (listener) => faults.listen(listener),
    shortened: (path, bytes) => void removed.set(path, (removed.get(path) ?? 0) + bytes),
    shortenedBy: (path) => removed.get(path) ?? 0,
  };
}

/** The file of one slot's stream; null where it is discarded. */
export function logPath(
  directory: string,
  target: LogTarget,
  slot: number,
  stream: LogStream,
): string | null {
  const own = stream === "out" ? target.outFile : target.errorFile;
  if (own === DISCARD) return null;
  if (own) return resolve(target.cwd ?? ".", own);
  return join(
    logFolder(directory, target.name),
    target.mergeLogs ? `${stream}.log` : `${slot}-${stream}.log`,
  );
}

/** The folder of an app's logs. */
export function logFolder(directory: string, app: string): string {
  // "." and ".." are names an app may have and folders it must not get.
  return join(directory, /^\.+$/.test(app) ? `app-${app}` : app);
}

/** What there is to read of an app that has these slots: each file once. */
export function logSources(
  directory: string,
  target: LogTarget,
  slots: readonly number[],
): readonly LogSource[] {
  const found = new Map<string, LogSource>();
  for (const slot of slots) {
    for (const stream of ["out", "err"] as const) {
      const path = logPath(directory, target, slot, stream);
      if (path === null) continue;
      const isShared = basename(path) !== `${slot}-${stream}.log` || found.has(path);
      found.set(path, { app: target.name, slot: isShared ? null : slot, stream, path });
    }
  }
  return [...found.values()];
}

function openForAppending(path: string): { descriptor: number; size: number; isFile: boolean } {
  makeFolder(dirname(path));
  const found = statSync(path, { throwIfNoEntry: false });
  // Opening a pipe would wait for its reader, and the whole supervisor with it.
  if (found && !found.isFile() && !found.isCharacterDevice()) throw new Error(`${path} is no file`);
  const descriptor = openSync(path, APPEND, FILE_MODE);
  try {
    const { size } = statSync(path);
    return { descriptor, size, isFile: found?.isFile() ?? true };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Not mkdir's own `recursive`: below /proc it never returns, and the supervisor with it. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  if (dirname(folder) !== folder) makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: FOLDER_MODE });
  } catch (error) {
    // Another worker's start was quicker.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

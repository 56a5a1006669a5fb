/** The heir as a process: started, spoken to, and gone. */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readSafely } from "../ipc.ts";
import type { Handle } from "../node-internals.ts";
import type { TrialAnswer } from "../upgrade/trial.ts";
import type { FromHeir, ToHeir, Will } from "./will.ts";

export interface HeirProcess {
  readonly pid: number | null;
  send(message: ToHeir, handle?: Handle): void;
  kill(): void;
}

export interface HeirListener {
  ready(): void;
  /** What it says where it was tried. */
  tried?(answer: TrialAnswer): void;
  done(): void;
  /** It is gone or never was; called once, on a later turn. `reason` is half a sentence. */
  ended(reason: string): void;
}

export interface ForkSettings {
  /** The heir's program. */
  readonly program: string;
  /** The Node that runs it. Default: this process's. */
  readonly node?: string;
  readonly will: Will;
  readonly env: NodeJS.ProcessEnv;
  /** Where its output goes; null: where this process's goes. */
  readonly logFile: string | null;
}

/** Variables of a worker: the heir is none, and what carries a supervisor's mark is killed by its sweeper. */
const OF_WORKER = /^(?:HOLDFAST_(?:SUPERVISOR|SLOT|GENERATION|WORKER|AGENT)|NODE_UNIQUE_ID)$/;
/** Two debuggers cannot listen on one port. */
const OF_DEBUGGER = /^--(?:inspect|debug)/;

/** Starts an heir. It keeps no event loop running. */
export function forkHeir(settings: ForkSettings, listener: HeirListener): HeirProcess {
  let isGone = false;
  const ended = (reason: string): void => {
    if (!isGone) setImmediate(() => listener.ended(reason));
    isGone = true;
  };
  let child: ChildProcess;
  try {
    child = spawnHeir(settings);
  } catch (error) {
    // An argument that is too long (E2BIG), for one.
    ended((error as Error).message);
    return { pid: null, send: () => {}, kill: () => {} };
  }
  child.on("error", ({ message }) => {
    if (child.pid === undefined) ended(message);
  });
  child.on("exit", (code, signal) => ended(`it ended with ${signal ?? `status ${code}`}`));
  if (child.pid !== undefined) listen(child, listener);
  return {
    pid: child.pid ?? null,
    send(message, handle) {
      // Passed on to Node as it is: a bare handle, as workers get theirs.
      if (child.connected) child.send(message, handle as never, {}, () => {});
    },
    kill: () => void child.kill("SIGKILL"),
  };
}

function spawnHeir({
  program,
  node = process.execPath,
  will,
  env,
  logFile,
}: ForkSettings): ChildProcess {
  const log = logFile === null ? "inherit" : openAgain(logFile);
  const flags = process.execArgv.filter((flag) => !OF_DEBUGGER.test(flag));
  try {
    return spawn(node, [...flags, program, JSON.stringify(will)], {
      env: Object.fromEntries(Object.entries(env).filter(([name]) => !OF_WORKER.test(name))),
      stdio: ["ignore", log, log, "ipc"],
      // A session of its own: neither the terminal's Ctrl-C nor its end is meant for the heir.
      detached: true,
      serialization: "json",
    });
  } finally {
    if (typeof log === "number") closeSync(log);
  }
}

/** By its path: what this process was started with may have been moved away since. */
function openAgain(logFile: string): number | "inherit" {
  try {
    return openSync(logFile, "a", 0o640);
  } catch {
    return "inherit";
  }
}

function listen(child: ChildProcess, listener: HeirListener): void {
  readSafely(child, () => child.kill("SIGKILL"));
  child.on("message", (message: FromHeir) => {
    if (message.t === "ready") listener.ready();
    else if (message.t === "done") listener.done();
    else if (message.t === "tried") listener.tried?.(message.answer);
  });
  child.unref();
  child.channel?.unref();
}

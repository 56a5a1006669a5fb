/** The folder that belongs to one background supervisor: its socket, state and logs. */

import { chmodSync, mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { HoldfastError } from "../errors.ts";

export interface Home {
  readonly directory: string;
  readonly socket: string;
  readonly pidFile: string;
  readonly stateFile: string;
  readonly supervisorLog: string;
  /** Where workers whose supervisor died find the next one. */
  readonly adoptSocket: string;
  /** What runs now, for the supervisor that comes next. */
  readonly roster: string;
  /** Sockets of workers, while they run. */
  readonly run: string;
  /** Holds a folder for each app. */
  readonly logs: string;
  /** Durable queues, from the first on. */
  readonly queues: string;
}

const OWNER_ONLY = 0o700;

/** Where the home is: what was asked for, else HOLDFAST_HOME, else ~/.holdfast. Throws HF_HOME_UNUSABLE. */
export function homeAt(asked: string | undefined, env: NodeJS.ProcessEnv): Home {
  const directory = resolve(asked || env.HOLDFAST_HOME || defaultHome());
  return {
    directory,
    socket: join(directory, "control.sock"),
    pidFile: join(directory, "supervisor.pid"),
    stateFile: join(directory, "state.json"),
    supervisorLog: join(directory, "supervisor.log"),
    adoptSocket: join(directory, "adopt.sock"),
    roster: join(directory, "roster"),
    run: join(directory, "run"),
    logs: join(directory, "logs"),
    queues: join(directory, "queues"),
  };
}

/**
 * Makes the folder where it is missing, for its owner alone. Throws HF_HOME_UNUSABLE where it cannot be
 * made, is not ours, or is no folder.
 */
export function prepareHome({ directory }: Home): void {
  try {
    mkdirSync(directory, { recursive: true, mode: OWNER_ONLY });
    const { uid, mode } = statSync(directory);
    if (uid !== process.getuid?.()) throw new Error(`it belongs to the user with id ${uid}`);
    if ((mode & 0o077) !== 0) chmodSync(directory, OWNER_ONLY);
  } catch (error) {
    throw unusable(directory, error);
  }
}

function defaultHome(): string {
  let home = "";
  try {
    home = homedir();
  } catch (error) {
    // No HOME, and no entry in the user database either.
    throw unusable("~/.holdfast", error);
  }
  if (!home) throw unusable("~/.holdfast", new Error("this user has no home directory"));
  return join(home, ".holdfast");
}

function unusable(directory: string, cause: unknown): HoldfastError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError("HF_HOME_UNUSABLE", { directory, reason }, { cause });
}

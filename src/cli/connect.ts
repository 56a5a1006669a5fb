/** From a command to its supervisor: found, or started first. */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type Explained, HoldfastError } from "../errors.ts";
import { type ControlClient, connectControl, RemoteError } from "../link/control-client.ts";
import { type Home, homeAt } from "../system/home.ts";
import { withUnixPath } from "../system/unix-path.ts";
import { version } from "./version.ts";

const CLI = fileURLToPath(new URL("../../bin/holdfast.cjs", import.meta.url));
/** The descriptor on which a supervisor that was just started says how that went. */
export const NEWS_DESCRIPTOR = 3;
const STARTED_WITHIN_MS = 30_000;

/** What a supervisor says once on its news descriptor: one line of JSON. */
export type News = { readonly ready: true } | { readonly ready: false; readonly error: Explained };

/** The home a command means: --home, HOLDFAST_HOME, ~/.holdfast. */
export function homeOf(flags: Record<string, unknown>): Home {
  return homeAt(typeof flags.home === "string" ? flags.home : undefined, process.env);
}

/** The supervisor of a home, null when none runs there. */
export async function findSupervisor(home: Home): Promise<ControlClient | null> {
  const client = await withUnixPath(home.socket, (path) => connectControl(path, version()));
  if (client && client.supervisor.version !== version()) {
    const { version: theirs, pid } = client.supervisor;
    process.stderr.write(
      `note: the supervisor (pid ${pid}) is Holdfast ${theirs}, this command is ${version()}\n`,
    );
  }
  return client;
}

/** The same, for commands that need one. Throws HF_NO_SUPERVISOR. */
export async function needSupervisor(home: Home): Promise<ControlClient> {
  const client = await findSupervisor(home);
  if (!client) throw new HoldfastError("HF_NO_SUPERVISOR", { home: home.directory });
  return client;
}

/** The same, started when there is none. Throws HF_SUPERVISOR_NOT_STARTED, or why it could not start. */
export async function ensureSupervisor(
  home: Home,
  { resume = false }: { resume?: boolean } = {},
): Promise<ControlClient> {
  const found = await findSupervisor(home);
  if (found) return found;
  const error = await launch(home, resume);
  // Somebody else's `start` may have been faster: that one is as good.
  if (error && error.code !== "HF_ALREADY_RUNNING") throw new RemoteError(error);
  const client = await findSupervisor(home);
  if (client) return client;
  if (error) throw new RemoteError(error);
  throw notStarted(home, "it ended at once");
}

async function launch(home: Home, resume: boolean): Promise<Explained | null> {
  const log = openLog(home);
  const args = [CLI, "supervisor", "--home", home.directory, "--detached"];
  try {
    const child = spawn(process.execPath, resume ? [...args, "--resume"] : args, {
      cwd: home.directory,
      detached: true,
      stdio: ["ignore", log, log, "pipe"],
    });
    const news = await newsOf(child, home);
    child.unref();
    return news.ready ? null : news.error;
  } finally {
    closeSync(log);
  }
}

function openLog(home: Home): number {
  try {
    mkdirSync(home.directory, { recursive: true, mode: 0o700 });
    return openSync(home.supervisorLog, "a", 0o600);
  } catch (error) {
    const details = { directory: home.directory, reason: (error as Error).message };
    throw new HoldfastError("HF_HOME_UNUSABLE", details, { cause: error });
  }
}

/** Waits for the one line; a process that ends without it has failed. */
function newsOf(child: ChildProcess, home: Home): Promise<News> {
  return new Promise((resolve, reject) => {
    const pipe = child.stdio[NEWS_DESCRIPTOR] as Readable;
    let text = "";
    const timer = setTimeout(() => {
      pipe.destroy();
      reject(notStarted(home, `it said nothing for ${STARTED_WITHIN_MS / 1000} seconds`));
    }, STARTED_WITHIN_MS);
    const settle = (then: () => void): void => {
      clearTimeout(timer);
      pipe.destroy();
      then();
    };
    child.once("error", (error) => settle(() => reject(notStarted(home, error.message))));
    pipe.setEncoding("utf8");
    pipe.on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("\n")) settle(() => resolve(JSON.parse(text) as News));
    });
    pipe.on("end", () => settle(() => reject(notStarted(home, "it ended at once"))));
    pipe.on("error", () => {});
  });
}

function notStarted({ supervisorLog }: Home, cause: string): HoldfastError {
  return new HoldfastError("HF_SUPERVISOR_NOT_STARTED", { cause, log: supervisorLog });
}

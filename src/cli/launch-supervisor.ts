/** Starts a background supervisor and hears how that went. */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type Explained, HoldfastError } from "../errors.ts";
import type { Home } from "../system/home.ts";
import { inheritedDescriptors } from "../system/proc.ts";
import { isOfWorker } from "./worker-variables.ts";

const CLI = fileURLToPath(new URL("../../bin/holdfast.cjs", import.meta.url));
/** The descriptor on which a supervisor that was just started says how that went. */
export const NEWS_DESCRIPTOR = 3;
const STARTED_WITHIN_MS = 30_000;

/** What a supervisor says once on its news descriptor: one line of JSON. */
export type News = { readonly ready: true } | { readonly ready: false; readonly error: Explained };

/** Starts a supervisor in the background; null when it is ready, else why it is not. Throws HF_SUPERVISOR_NOT_STARTED. */
export async function launchSupervisor(home: Home, resume: boolean): Promise<Explained | null> {
  closeInherited();
  const log = openLog(home);
  const args = [CLI, "supervisor", "--home", home.directory, "--detached"];
  try {
    const child = spawn(process.execPath, resume ? [...args, "--resume"] : args, {
      cwd: home.directory,
      // Started from inside a worker it must not be taken for what that worker has left behind.
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOfWorker(name))),
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

/**
 * What a shell left open for this command, such as the lock of `exec 200>lock; flock 200`, the supervisor
 * and its workers would hold for as long as they run. On macOS libuv gives children nothing of the kind.
 */
function closeInherited(): void {
  for (const descriptor of inheritedDescriptors()) {
    try {
      closeSync(descriptor);
    } catch {
      // EBADF: closed meanwhile by whose it was.
    }
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

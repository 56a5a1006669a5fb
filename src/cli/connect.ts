/** From a command to its supervisor: found, or started first. */

import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError, isExplained } from "../errors.ts";
import { type ControlClient, connectControl, RemoteError } from "../link/control-client.ts";
import { type Home, homeAt } from "../system/home.ts";
import { withUnixPath } from "../system/unix-path.ts";
import { version } from "./version.ts";

/** How long one that owns the home may neither answer nor let it go: it has just begun, or is about to end. */
const SETTLED_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 100;

/** The home a command means: --home, HOLDFAST_HOME, ~/.holdfast. */
export function homeOf(flags: Record<string, unknown>): Home {
  return homeAt(typeof flags.home === "string" ? flags.home : undefined, process.env);
}

/** The supervisor of a home, of whatever version; null when none runs there. Throws as `findSupervisor` does. */
export async function dialSupervisor(
  home: Home,
  signal?: AbortSignal,
): Promise<ControlClient | null> {
  const dial = (): Promise<ControlClient | null> =>
    withUnixPath(home.socket, (path) => connectControl(path, version(), signal));
  const client = await dial();
  if (client || !existsSync(home.pidFile)) return client;
  const { awaitOwner } = await import("./unanswered.ts");
  return awaitOwner(home, dial);
}

/**
 * The same, and a note where it is of another version than this command. Throws HF_SUPERVISOR_UNREACHABLE, or the
 * signal's reason.
 */
export async function findSupervisor(
  home: Home,
  signal?: AbortSignal,
): Promise<ControlClient | null> {
  const client = await dialSupervisor(home, signal);
  if (client && client.supervisor.version !== version()) {
    const { version: theirs, pid } = client.supervisor;
    process.stderr.write(
      `note: the supervisor (pid ${pid}) is Holdfast ${theirs}, this command is ${version()}; \`holdfast upgrade\` makes it the same\n`,
    );
  }
  return client;
}

/**
 * The same. Where none runs and workers of one that was killed serve on, another is started first: they are its own
 * from then on. Throws also what `ensureSupervisor` does.
 */
export async function findOrRescue(
  home: Home,
  signal?: AbortSignal,
): Promise<ControlClient | null> {
  const client = await findSupervisor(home, signal);
  if (client || !existsSync(home.roster)) return client;
  const { hasOrphans } = await import("../supervisor/restore/orphans.ts");
  return hasOrphans(home) ? findOrStart(home, false) : null;
}

/** The same, for commands that need one. Throws HF_NO_SUPERVISOR. */
export async function needSupervisor(home: Home, signal?: AbortSignal): Promise<ControlClient> {
  const client = await findOrRescue(home, signal);
  if (!client) throw new HoldfastError("HF_NO_SUPERVISOR", { home: home.directory });
  return client;
}

/**
 * The same, started when there is none. One that shuts down is waited for, and what is asked goes to the next.
 * Throws HF_SUPERVISOR_NOT_STARTED, or why it could not start.
 */
export async function ensureSupervisor(
  home: Home,
  { resume = false }: { resume?: boolean } = {},
): Promise<ControlClient> {
  const next = (): Promise<ControlClient> => findOrStart(home, resume);
  const { lasting } = await import("./lasting.ts");
  return lasting(await next(), { next, find: () => findUnlessEnding(home) });
}

async function findOrStart(home: Home, resume: boolean): Promise<ControlClient> {
  const until = performance.now() + SETTLED_WITHIN_MS;
  for (;;) {
    const found = await findUnlessEnding(home);
    if (found) return found;
    // Looking at what runs does without what it takes to start it.
    const { launchSupervisor } = await import("./launch-supervisor.ts");
    const error = await launchSupervisor(home, resume);
    // Somebody else's `start` may have been faster: that one is as good.
    if (error && error.code !== "HF_ALREADY_RUNNING") throw new RemoteError(error);
    const client = await findUnlessEnding(home);
    if (client) return client;
    if (!error) {
      throw new HoldfastError("HF_SUPERVISOR_NOT_STARTED", {
        cause: "it ended at once",
        log: home.supervisorLog,
      });
    }
    if (performance.now() >= until) throw new RemoteError(error);
    await pause(LOOK_EVERY_MS);
  }
}

/** Null also for one that was just closing its door: nothing has been asked of it. */
async function findUnlessEnding(home: Home): Promise<ControlClient | null> {
  try {
    return await findSupervisor(home);
  } catch (error) {
    const ending = ["HF_SUPERVISOR_LOST", "HF_SHUTTING_DOWN", "HF_HANDED_OVER"];
    if (isExplained(error) && ending.includes(error.code)) return null;
    throw error;
  }
}

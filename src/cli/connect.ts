/** From a command to its supervisor: found, or started first. */

import { HoldfastError } from "../errors.ts";
import { type ControlClient, connectControl, RemoteError } from "../link/control-client.ts";
import { type Home, homeAt } from "../system/home.ts";
import { withUnixPath } from "../system/unix-path.ts";
import { version } from "./version.ts";

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
  // Looking at what runs does without what it takes to start it.
  const { launchSupervisor } = await import("./launch-supervisor.ts");
  const error = await launchSupervisor(home, resume);
  // Somebody else's `start` may have been faster: that one is as good.
  if (error && error.code !== "HF_ALREADY_RUNNING") throw new RemoteError(error);
  const client = await findSupervisor(home);
  if (client) return client;
  if (error) throw new RemoteError(error);
  throw new HoldfastError("HF_SUPERVISOR_NOT_STARTED", {
    cause: "it ended at once",
    log: home.supervisorLog,
  });
}

/** Where a supervisor puts what it makes, and how it stands among other processes. */

import { resolve } from "node:path";
import { outletsFor } from "../logs/outlet.ts";
import type { QueueSettings } from "./bus/queue-keeper.ts";
import type { SupervisorSettings } from "./create.ts";
import { Priority } from "./priority.ts";
import type { RunnerContext } from "./runner-context.ts";

export interface Places
  extends Pick<RunnerContext, "outlets" | "runFolder" | "priority" | "adoption"> {
  readonly queues: Partial<QueueSettings>;
}

export function placesOf(settings: SupervisorSettings): Places {
  const { runFolder = null, queueFolder, queueFsync = "commit" } = settings;
  const folder = queueFolder === undefined ? null : resolve(queueFolder);
  const priority = new Priority();
  if (settings.priority === "raised") priority.raise();
  const queues = { folder, fsync: queueFsync };
  return { outlets: outletsFor(settings), runFolder, priority, queues, adoption: null };
}

/** Where a supervisor puts what it makes. */

import { resolve } from "node:path";
import { outletsFor } from "../logs/outlet.ts";
import type { QueueSettings } from "./bus/queue-keeper.ts";
import type { SupervisorSettings } from "./create.ts";
import type { RunnerContext } from "./runner-context.ts";

export interface Places extends Pick<RunnerContext, "outlets" | "runFolder"> {
  readonly queues: Partial<QueueSettings>;
}

export function placesOf(settings: SupervisorSettings): Places {
  const { runFolder = null, queueFolder, queueFsync = "commit" } = settings;
  const folder = queueFolder === undefined ? null : resolve(queueFolder);
  return { outlets: outletsFor(settings), runFolder, queues: { folder, fsync: queueFsync } };
}

/** The library's way to a supervisor: from options as a person writes them. */

import type { ConfigInput } from "../config/app.ts";
import { parseSetup } from "../config/parse.ts";
import { HoldfastError } from "../errors.ts";
import type { LogStore } from "../logs/store.ts";
import type { OutputSink } from "../logs/worker-output.ts";
import { packageNameOf } from "../system/places.ts";
import { Supervisor } from "./supervisor.ts";

export interface SupervisorSettings {
  /** Where workers' output goes. Default: whole lines, raw, to this process's stdout and stderr. */
  readonly output?: OutputSink;
  /** Workers write to files of this store instead, past this process; see docs/logs.md. */
  readonly logs?: LogStore;
  /**
   * Where the sockets of the bus and of workers with sticky routing are. Default: folders of their own in the
   * system's temporary one.
   */
  readonly runFolder?: string;
  /** Where durable queues are kept; without it there are none. One supervisor at a time has a folder. */
  readonly queueFolder?: string;
  /**
   * `commit`, the default: a message that was accepted survives the machine's power loss. `os`: only the end of every
   * process, and enqueueing is faster.
   */
  readonly queueFsync?: "commit" | "os";
  /**
   * `raised`: this process goes before its workers where there are too few CPUs for all (nice 5 lower than it was
   * started with, on Linux its main thread alone), if the system allows it; workers have what it was started with.
   * `own`, the default: nothing is changed.
   */
  readonly priority?: "own" | "raised";
}

/**
 * Creates a supervisor for one app, a list of apps, or `{ apps: [...], admin: { listen: 9464 } }`; the options
 * are those of docs/options.md, `admin` is in docs/admin.md, `bus` in docs/bus.md. Nothing is started yet. Throws
 * HF_CONFIG_INVALID with every fault at once, and HF_ADMIN_UNPROTECTED, HF_ADMIN_TOKEN_INVALID or HF_BUS_REMOTE_INVALID.
 *
 * @example
 * await using supervisor = createSupervisor({ script: "server.js", instances: 4 });
 * await supervisor.start();
 */
export function createSupervisor(
  input: ConfigInput,
  settings: SupervisorSettings = {},
): Supervisor {
  const parsed = parseSetup(input, { directory: process.cwd(), packageNameOf });
  if (!parsed.ok) throw new HoldfastError("HF_CONFIG_INVALID", { faults: parsed.faults });
  const { apps, ...beside } = parsed.value;
  return new Supervisor(apps, settings, beside);
}

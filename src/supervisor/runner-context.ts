/** What an app needs of the supervisor around it. */

import type { Outlets } from "../logs/outlet.ts";
import type { MetricsStore } from "../metrics/store.ts";
import type { Adoption } from "./adoption/adoption.ts";
import type { Apps } from "./apps.ts";
import type { Bus } from "./bus/bus.ts";
import type { Emit } from "./events.ts";
import type { Heir } from "./heir/heir.ts";
import type { Priority } from "./priority.ts";
import type { Pulse } from "./pulse.ts";
import type { Roster } from "./roster/roster.ts";

export interface RunnerContext {
  readonly emit: Emit;
  /** All apps of the supervisor. */
  readonly apps: Pick<Apps, "at">;
  /** Where workers' output goes. */
  readonly outlets: Outlets;
  /** Where sockets of sticky workers are; null: among the system's temporary files. */
  readonly runFolder: string | null;
  /** Marks every process below this supervisor, in HOLDFAST_SUPERVISOR. */
  readonly marker: string;
  /** What processes are spawned with. */
  readonly priority: Priority;
  /** The timer for what is looked at again and again. */
  readonly pulse: Pulse;
  readonly metrics: MetricsStore;
  readonly bus: Bus;
  /** Where workers come back to when their supervisor is gone; null: they end with it. */
  readonly adoption: Adoption | null;
  /** Where it is written down what runs, for the next supervisor; null: there is to be none. */
  readonly roster: Roster | null;
  /** Who holds duplicates of the listening sockets; null: nobody does. */
  readonly heir: Pick<Heir, "follow" | "forget"> | null;
  readonly firstWorkerId: number;
  readonly instances: number;
  /** What the app inherits; null: this process's variables. */
  readonly environment: Readonly<Record<string, string>> | null;
}

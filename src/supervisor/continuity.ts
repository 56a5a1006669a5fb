/** What lets another supervisor go on where this one is killed, and this one where another was. */

import { randomBytes } from "node:crypto";
import type { SuccessionView } from "../metrics/scene.ts";
import type { Apps } from "./apps.ts";
import type { RunnerContext } from "./runner-context.ts";

export interface Continuity extends Pick<RunnerContext, "adoption" | "roster" | "heir"> {
  /** HOLDFAST_SUPERVISOR for all processes below this supervisor, and below those it follows. */
  readonly marker: string;
  /** For metrics; null: nobody ever follows. */
  readonly succession: SuccessionView | null;
  /** Is shown the apps, which come and go. */
  readonly observe?: (apps: Apps) => void;
  /** No worker has had this id or a higher one. */
  readonly nextWorkerId: number;
}

/** Of a supervisor whose workers end with it. */
export function noContinuity(): Continuity {
  return {
    ...{ adoption: null, roster: null, heir: null, succession: null },
    ...{ marker: freshMarker(), nextWorkerId: 1 },
  };
}

/** One that no process has. */
export function freshMarker(): string {
  return `${process.pid}-${randomBytes(6).toString("hex")}`;
}

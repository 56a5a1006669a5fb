/** Whether apps are ready for those around them: load balancers and orchestrators. Pure. */

import type { MinReady } from "../config/app.ts";
import type { AppStatus } from "./snapshot.ts";

/** What is looked at of one app. */
export interface Candidate {
  readonly name: string;
  readonly status: AppStatus["status"];
  readonly slots: readonly Pick<AppStatus["slots"][number], "state">[];
  readonly minReady: MinReady;
  /** Why it cannot run at all; null where it can. */
  readonly fatal: string | null;
  /** It should run; one that a person has stopped, or that starts by command only, does not count. */
  readonly isWanted: boolean;
}

export interface AppReadiness {
  readonly app: string;
  readonly ready: boolean;
  /** Slots that serve, how many must, and how many there are, without those whose work is done. */
  readonly have: number;
  readonly need: number;
  readonly of: number;
  /** A sentence where it is not ready, else null. */
  readonly missing: string | null;
}

export interface SupervisorReadiness {
  readonly ready: boolean;
  /** It drains, and is not ready whatever its apps are. */
  readonly stopping: boolean;
  readonly apps: readonly AppReadiness[];
}

/** Ready: it does not stop, and every app that counts has its wanted share of workers ready. */
export function readinessOf(
  candidates: readonly Candidate[],
  stopping: boolean,
): SupervisorReadiness {
  const apps = candidates.filter(counts).map(appReadiness);
  return { ready: !stopping && apps.every(({ ready }) => ready), stopping, apps };
}

function counts({ isWanted, fatal, status, slots }: Candidate): boolean {
  if (!isWanted) return false;
  // Such an app is stopped, too, but not because somebody wanted that.
  if (fatal !== null) return true;
  if (status === "stopping" || status === "stopped") return false;
  return slots.length === 0 || slots.some(({ state }) => state !== "done");
}

function appReadiness({ name, slots, minReady, status, fatal }: Candidate): AppReadiness {
  const of = slots.filter(({ state }) => state !== "done").length;
  const have = slots.filter(({ state }) => state === "ready").length;
  const need = neededOf(minReady, of);
  // What was never started is not ready even where nothing is asked of it.
  const ready = fatal === null && status === "running" && have >= need;
  const lacking = `${have} of ${of} workers ${have === 1 ? "is" : "are"} ready, ${need} must be`;
  const why = fatal ?? (status === "idle" ? "it has not been started yet" : lacking);
  const missing = ready ? null : why;
  return { app: name, ready, have, need, of, missing };
}

/** A share is rounded up, and more than there are cannot be asked for. */
function neededOf(minReady: MinReady, of: number): number {
  const asked = typeof minReady === "number" ? minReady : (of * Number.parseFloat(minReady)) / 100;
  // A share such as 33.3 % of 1000 must not be rounded up by what binary fractions add to it.
  return Math.min(of, Math.ceil(Number(asked.toFixed(6))));
}

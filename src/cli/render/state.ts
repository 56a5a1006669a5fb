/** The state of an app in a word, with a sign for those who see no colours. Pure. */

import type { AppOverview } from "../../core/overview.ts";
import type { Colour } from "./colour.ts";

export type State =
  | "ready"
  | "degraded"
  | "starting"
  | "reloading"
  | "stopping"
  | "stopped"
  | "done"
  | "failed";

const SIGNS: Readonly<Record<State, readonly [string, Colour]>> = {
  ready: ["●", "green"],
  degraded: ["◐", "yellow"],
  starting: ["◐", "yellow"],
  reloading: ["◐", "cyan"],
  stopping: ["◐", "yellow"],
  stopped: ["○", "dim"],
  done: ["○", "dim"],
  failed: ["✗", "red"],
};

/**
 * `degraded`: it serves, with fewer workers than it should have; `failed`: no worker is ready, and a slot
 * has spent its restarts; `done`: every worker has ended as it should and none is started again.
 */
export function stateOf({
  status,
  ready,
  instances,
  reloading,
  slots,
}: Pick<AppOverview, "status" | "ready" | "instances" | "reloading" | "slots">): State {
  if (status === "stopping") return "stopping";
  if (status !== "running") return "stopped";
  const isAnySlot = (...states: readonly string[]): boolean =>
    slots.some(({ state }) => states.includes(state));
  if (ready === 0 && isAnySlot("failed")) return "failed";
  if (reloading) return "reloading";
  if (ready >= instances) return "ready";
  if (isAnySlot("failed", "waiting")) return "degraded";
  if (isAnySlot("starting", "empty") || !isAnySlot("done")) return "starting";
  return ready === 0 ? "done" : "ready";
}

/** "● ready" */
export function stateText(state: State): string {
  return `${SIGNS[state][0]} ${state}`;
}

export function stateSign(state: State): string {
  return SIGNS[state][0];
}

export function stateColour(state: State): Colour {
  return SIGNS[state][1];
}

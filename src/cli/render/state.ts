/** The state of an app in a word, with a sign for those who see no colours. Pure. */

import type { AppOverview } from "../../core/overview.ts";
import { type Colour, paint } from "./colour.ts";

export type State =
  | "ready"
  | "degraded"
  | "starting"
  | "reloading"
  | "stopping"
  | "stopped"
  | "failed";

const SIGNS: Readonly<Record<State, readonly [string, Colour]>> = {
  ready: ["●", "green"],
  degraded: ["◐", "yellow"],
  starting: ["◐", "yellow"],
  reloading: ["◐", "cyan"],
  stopping: ["◐", "yellow"],
  stopped: ["○", "dim"],
  failed: ["✗", "red"],
};

/** `degraded`: it serves, with fewer workers than it should have; `failed`: no slot has a worker, or the hope of one soon. */
export function stateOf(app: AppOverview): State {
  if (app.status === "stopping") return "stopping";
  if (app.status !== "running") return "stopped";
  if (app.ready === 0 && app.slots.some(({ state }) => state === "failed")) return "failed";
  if (app.reloading) return "reloading";
  if (app.ready >= app.instances) return "ready";
  const isTroubled = app.slots.some(({ state }) => state === "failed" || state === "waiting");
  return isTroubled ? "degraded" : "starting";
}

export function showState(state: State, colour: boolean): string {
  const [sign, shade] = SIGNS[state];
  return paint(`${sign} ${state}`, shade, colour);
}

/** The sign alone. */
export function showSign(state: State, colour: boolean): string {
  const [sign, shade] = SIGNS[state];
  return paint(sign, shade, colour);
}

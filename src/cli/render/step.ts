/** One event of a supervisor as a step a person follows. Pure. */

import { type ExitReason, isWanted } from "../../core/worker.ts";
import type { Colour } from "./colour.ts";
import { harmless } from "./text.ts";
import { humanDuration } from "./units.ts";

export interface Step {
  /** What it is a step of: a slot, or a reload. */
  readonly key: string;
  /** The worker that took it, null where it is the slot's or the app's. */
  readonly worker: number | null;
  readonly label: string;
  readonly text: string;
  /** Label and text. */
  readonly line: string;
  readonly colour: Colour;
  /** The worker is gone. */
  readonly isEnd: boolean;
}

/** As an event arrives over a socket: of one app, with what its kind has (SupervisorEvents). */
interface Data {
  readonly app: string;
  readonly slot?: number;
  readonly worker?: number;
  readonly pid?: number | null;
  readonly cause?: string;
  readonly reason?: ExitReason;
  readonly tookMs?: number;
  readonly retryInMs?: number;
  readonly renewed?: number;
  readonly of?: number;
}

/** Null for events that are no steps, and for what is no event of an app. */
export function stepOf(name: string, data: unknown): Step | null {
  if (typeof data !== "object" || data === null || !("app" in data)) return null;
  const event = data as Data;
  return slotStep(name, event) ?? appStep(name, event);
}

function slotStep(name: string, data: Data): Step | null {
  const pid = data.pid ? `pid ${data.pid} ` : "";
  const after = data.tookMs === undefined ? "" : ` after ${humanDuration(data.tookMs)}`;
  const retry = humanDuration(data.retryInMs ?? 0);
  switch (name) {
    case "worker:start":
      return ofSlot(data, `${pid}starting`, "yellow");
    case "worker:ready":
      return ofSlot(data, `${pid}ready${after}`, "green");
    case "worker:drain":
      return ofSlot(data, `${pid}draining`, "cyan");
    case "worker:exit":
      return data.reason !== undefined && isWanted(data.reason)
        ? { ...ofSlot(data, `${pid}ended`, "dim"), isEnd: true }
        : { ...ofSlot(data, `${pid}${harmless(data.cause ?? "failed")}`, "red"), isEnd: true };
    case "slot:waiting":
      return ofSlot(data, `crashed, restarts in ${retry}`, "yellow");
    case "slot:failed":
      return ofSlot(data, `has spent its restarts, tries again in ${retry}`, "red");
    case "slot:recovered":
      return ofSlot(data, "has recovered", "green");
    default:
      return null;
  }
}

/** How a reload went as a whole is told by the command itself. */
function appStep(name: string, data: Data): Step | null {
  if (name !== "reload:progress") return null;
  const label = harmless(data.app);
  const text = `${data.renewed}/${data.of} slots replaced`;
  // A space is in no slot's key.
  const key = `${label} reload`;
  const line = `${label} ${text}`;
  return { key, worker: null, label, text, line, colour: "cyan", isEnd: false };
}

function ofSlot(data: Data, text: string, colour: Colour): Step {
  const label = `${harmless(data.app)}:${data.slot}`;
  const { worker = null } = data;
  return { key: label, worker, label, text, line: `${label} ${text}`, colour, isEnd: false };
}

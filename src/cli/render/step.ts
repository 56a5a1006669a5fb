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
  /** What comes next may take long: what it waits for, to complete "waiting ...". Null where nothing of it is waited for. */
  readonly waits: string | null;
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
  readonly kind?: string;
  readonly replaced?: boolean;
  readonly fault?: string;
  readonly renewed?: number;
  readonly of?: number;
  readonly from?: number;
  readonly to?: number;
  readonly why?: string;
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
      return {
        ...ofSlot(data, `${pid}starting`, "yellow"),
        waits: "for it to listen, or to say that it is ready",
      };
    case "worker:ready":
      return {
        ...ofSlot(data, `${pid}ready${after}`, "green"),
        waits: "to see whether it listens and stays up",
      };
    case "worker:drain":
      return {
        ...ofSlot(data, `${pid}draining`, "cyan"),
        waits: "for its requests and connections to end",
      };
    case "worker:exit":
      return data.reason !== undefined && isWanted(data.reason)
        ? { ...ofSlot(data, `${pid}ended`, "dim"), isEnd: true }
        : { ...ofSlot(data, `${pid}${harmless(data.cause ?? "failed")}`, "red"), isEnd: true };
    case "worker:hung":
      return ofSlot(data, `${pid}silent (${data.kind}), ${fate(data)}`, "red");
    case "worker:unhealthy":
      return ofSlot(data, `${pid}unhealthy: ${harmless(data.fault ?? "")}`, "red");
    case "worker:recovered":
      return ofSlot(data, `${pid}recovered`, "green");
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
  switch (name) {
    case "reload:progress":
      return ofApp(data, "reload", `${data.renewed}/${data.of} slots replaced`);
    case "app:autoscaled":
      return ofApp(data, "scale", `${data.from} -> ${data.to} workers: ${data.why}`);
    default:
      return null;
  }
}

function ofApp(data: Data, what: string, said: string): Step {
  const [label, text] = [harmless(data.app), harmless(said)];
  // A space is in no slot's key.
  const key = `${label} ${what}`;
  const line = `${label} ${text}`;
  const waits = null;
  return { key, worker: null, label, text, line, colour: "cyan", isEnd: false, waits };
}

function fate({ replaced }: Data): string {
  return replaced === true ? "is being replaced" : "is left alone";
}

function ofSlot(data: Data, text: string, colour: Colour): Step {
  const label = `${harmless(data.app)}:${data.slot}`;
  const { worker = null } = data;
  const line = `${label} ${text}`;
  return { key: label, worker, label, text, line, colour, isEnd: false, waits: null };
}

/** Signs of life of one worker, as it tells them itself. Nothing it says is trusted. */

import type { Hang } from "../core/exits.ts";
import type { Look, Silence } from "../core/health.ts";
import type { Inspector } from "../link/agent-messages.ts";

/** A stack is kept to this length. */
const LONGEST_STACK = 8000;
const LONGEST_FAULT = 500;

export interface Signs {
  /** When it last beat, in the supervisor's lived time; null: never, so that its silence says nothing. */
  beatAt: number | null;
  /** How often it has said anything: what was found out holds until it does again. */
  beats: number;
  /** The supervisor's gaps up to then. */
  gaps: number;
  /** HTTP requests it has answered. */
  handled: number;
  /** Whether its debugger can be asked; null: it has not said so yet. */
  inspector: Inspector | null;
  /** It has been asked in this silence; and its debugger was opened for it. */
  isInspected: boolean;
  isBeingInspected: boolean;
  isOpened: boolean;
  /** What its debugger has told since the last beat, and where the event loop stands. */
  told: "hung" | "debugger" | null;
  stack: string | null;
  look: Look | null;
  /** What has been reported of this silence. */
  readonly reported: Set<Silence>;
  /** It is being replaced for its silence. */
  hasGivenUp: boolean;
  /** The last silence that was reported. */
  hang: Hang | null;
  /** How its health probe fails; null: it does not. */
  fault: string | null;
  /** Since when. Milliseconds of the monotonic clock. */
  faultAt: number;
}

export function noSigns(): Signs {
  return {
    beatAt: null,
    beats: 0,
    gaps: 0,
    handled: 0,
    inspector: null,
    isInspected: false,
    isBeingInspected: false,
    isOpened: false,
    told: null,
    stack: null,
    look: null,
    reported: new Set(),
    hasGivenUp: false,
    hang: null,
    fault: null,
    faultAt: 0,
  };
}

/** What a worker says it has handled; a value that cannot be is as good as none. */
export function countIn(stats: unknown): number {
  const { handled } = (stats ?? {}) as { handled?: unknown };
  return typeof handled === "number" && handled >= 0 && Number.isFinite(handled) ? handled : 0;
}

export function stackIn(stack: string): string | null {
  return stack.trim() === "" ? null : stack.slice(0, LONGEST_STACK);
}

export function inspectorIn(inspector: unknown): Inspector {
  if (inspector === "closed") return "closed";
  const { url } = (inspector ?? {}) as { url?: unknown };
  return typeof url === "string" && URL.canParse(url) ? { url } : "off";
}

/** One line. */
export function faultIn(fault: unknown): string | null {
  if (fault === null || fault === undefined) return null;
  return String(fault).replace(/\s+/g, " ").slice(0, LONGEST_FAULT);
}

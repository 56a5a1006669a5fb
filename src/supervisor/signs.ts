/** Signs of life of one worker, as it tells them itself. Nothing it says is trusted. */

import type { Hang } from "../core/exits.ts";
import type { Look, Silence } from "../core/health.ts";

/** A stack is kept to this length. */
const LONGEST_STACK = 8000;
const LONGEST_FAULT = 500;

export interface Signs {
  /** When it last beat, in the supervisor's lived time; null: never, so that its silence says nothing. */
  beatAt: number | null;
  /** The supervisor's gaps up to then. */
  gaps: number;
  /** HTTP requests it has answered. */
  handled: number;
  /** What its watchdog has told since the last beat, and where the event loop stands. */
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
    gaps: 0,
    handled: 0,
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

export function stackIn(stack: unknown): string | null {
  return typeof stack === "string" && stack.trim() !== "" ? stack.slice(0, LONGEST_STACK) : null;
}

/** One line. */
export function faultIn(fault: unknown): string | null {
  if (fault === null || fault === undefined) return null;
  return String(fault).replace(/\s+/g, " ").slice(0, LONGEST_FAULT);
}

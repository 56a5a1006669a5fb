/** What a session is told of a call, its options read already. */

import type { Head } from "../link/bus-frames.ts";
import type { BusEncoding } from "./api.ts";
import type { QuestionPorts } from "./question.ts";

/** Of requests, and of asking all. */
export const REQUEST_TIMEOUT_MS = 5000;

export interface Publishing {
  readonly head: Head;
  readonly encoding: BusEncoding | undefined;
  readonly isConfirmed: boolean;
}

/** As most publishes are: without options. */
export const PLAINLY: Publishing = { head: {}, encoding: undefined, isConfirmed: false };

export interface Asking extends Pick<QuestionPorts, "heard" | "reject"> {
  readonly head: Head;
  readonly encoding: BusEncoding | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly isForAll: boolean;
}

/** What clients say in the heads of their frames. Our own client checks before it sends: what is odd here is left out. */

import type { Subscription } from "../../core/bus/exchange.ts";
import { patternFault, subjectFault } from "../../core/bus/subjects.ts";
import { POLICIES, type Policy } from "../../core/bus/waiting.ts";
import type { BusFrame, Head } from "../../link/bus-frames.ts";

const DEFAULT_TIMEOUT_MS = 5000;
const LONGEST_MS = 2 ** 31 - 1;
const LONGEST_TEXT = 255;
const DEFAULT_MAX_BYTES = 1024 * 1024;
const LARGEST_MAX_BYTES = 1024 ** 3;
const BYS = ["turns", "idle", "key"] as const;

/** Subjects below it are the supervisor's. */
const OWN = "sys.";

export interface SubscribeHead {
  readonly subscription: Subscription;
  readonly policy: Policy;
  readonly maxBytes: number;
}

/** What is wrong with the subject of something to be published, as the end of a sentence; null: nothing. */
export function publishFault(subject: string): string | null {
  if (subject.startsWith(OWN)) return "what begins with sys. is published by the supervisor alone";
  return subjectFault(subject);
}

/** What is wrong with it is text. */
export function readSubscribe(member: number, frame: BusFrame): SubscribeHead | string {
  const { id: number, subject: pattern, head } = frame;
  const fault = patternFault(pattern);
  if (fault !== null) return `"${pattern}" is no pattern: ${fault}`;
  if (number === 0) return "subscriptions are numbered from 1";
  const { kind, queue, by, policy, maxBytes } = head ?? {};
  if (kind !== "listen" && kind !== "reply") return 'a subscription is of kind "listen" or "reply"';
  const isSize = Number.isSafeInteger(maxBytes) && Number(maxBytes) > 0;
  return {
    subscription: {
      ...{ member, number, pattern, kind },
      queue: textOf(queue) ?? null,
      by: oneOf(BYS, by) ?? "turns",
    },
    policy: oneOf(POLICIES, policy) ?? "drop-oldest",
    maxBytes: isSize ? Math.min(Number(maxBytes), LARGEST_MAX_BYTES) : DEFAULT_MAX_BYTES,
  };
}

/** A duration in milliseconds; 0 where there is none. */
export function holdOf(head: Head | null): number {
  return msOf(head?.hold) ?? 0;
}

export function timeoutOf(head: Head | null): number {
  return msOf(head?.timeoutMs) ?? DEFAULT_TIMEOUT_MS;
}

export function keyOf(head: Head | null): string | undefined {
  return textOf(head?.key);
}

export function headersOf(head: Head | null): Head | undefined {
  const headers = head?.headers;
  return typeof headers === "object" && headers !== null ? (headers as Head) : undefined;
}

/** A text that is not empty and not long. */
export function textOf(value: unknown): string | undefined {
  const isText = typeof value === "string" && value !== "" && value.length <= LONGEST_TEXT;
  return isText ? value : undefined;
}

function msOf(value: unknown): number | undefined {
  const isDuration = typeof value === "number" && value >= 0;
  return isDuration ? Math.min(value, LONGEST_MS) : undefined;
}

function oneOf<Text extends string>(known: readonly Text[], value: unknown): Text | undefined {
  return known.find((each) => each === value);
}

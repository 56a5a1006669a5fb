/** What clients say in the heads of their frames. Our own client checks before it sends: what is odd here is left out. */

import type { Subscription } from "../../core/bus/exchange.ts";
import {
  BYS,
  LARGEST_MAX_BYTES,
  LONGEST_HEADERS_BYTES,
  LONGEST_TEXT,
} from "../../core/bus/limits.ts";
import {
  isOwnSubject,
  OWN_SUBJECT_FAULT,
  patternFault,
  subjectFault,
} from "../../core/bus/subjects.ts";
import { POLICIES, type Policy } from "../../core/bus/waiting.ts";
import type { BusFrame, Head } from "../../link/bus-frames.ts";

const DEFAULT_TIMEOUT_MS = 5000;
const LONGEST_MS = 2 ** 31 - 1;
/** A cause has a cause; more than so many tell nothing. */
const DEEPEST_CAUSE = 8;
const DEFAULT_MAX_BYTES = 1024 * 1024;

/** Flat: whatever is passed on in a head has to be packed again, and deep values overflow the stack. */
export type Headers = Readonly<Record<string, string>>;

export interface SubscribeHead {
  readonly subscription: Subscription;
  readonly policy: Policy;
  readonly maxBytes: number;
}

/** What is wrong with the subject of something to be published, as the end of a sentence; null: nothing. */
export function publishFault(subject: string): string | null {
  if (isOwnSubject(subject)) return OWN_SUBJECT_FAULT;
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

/** How long a lock is waited for; null: for ever. */
export function waitOf(head: Head | null): number | null {
  return msOf(head?.waitMs) ?? null;
}

export function keyOf(head: Head | null): string | undefined {
  return textOf(head?.key);
}

/** Those that are an object of strings, and not too long. */
export function headersOf(head: Head | null): Headers | undefined {
  const headers = head?.headers;
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return undefined;
  if (!Object.values(headers).every((value) => typeof value === "string")) return undefined;
  const isShort = Buffer.byteLength(JSON.stringify(headers)) <= LONGEST_HEADERS_BYTES;
  return isShort ? (headers as Headers) : undefined;
}

/** What a handler threw: the fields an error has, and its causes as far as they tell something. */
export function thrownOf(error: unknown, depth = 0): Head {
  if (typeof error !== "object" || error === null) return {};
  const { name, message, code, stack, cause } = error as Head;
  const isCode = typeof code === "string" || typeof code === "number";
  const hasCause = typeof cause === "object" && cause !== null && depth < DEEPEST_CAUSE;
  return {
    ...(typeof name === "string" ? { name } : {}),
    ...(typeof message === "string" ? { message } : {}),
    ...(isCode ? { code } : {}),
    ...(typeof stack === "string" ? { stack } : {}),
    ...(hasCause ? { cause: thrownOf(cause, depth + 1) } : {}),
  };
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

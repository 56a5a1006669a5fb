/** What a failure is to the one who hears it: one of the bus's own errors, or what a handler threw. */

import { ERRORS, type ErrorCode, HoldfastError } from "../errors.ts";
import type { BusFrame } from "../link/bus-frames.ts";
import type { Sender } from "./api.ts";
import { senderOf } from "./delivery.ts";
import { BusRemoteError, readTold, type ToldError } from "./remote-error.ts";

type Told = ToldError & { readonly from: Sender | null };

/** The supervisor's own codes, and how each is said here. */
const OWN: Readonly<Record<string, (told: Told, subject: string, afterMs: number) => Error>> = {
  HF_BUS_NO_RESPONDERS: (_told, subject) => own("HF_BUS_NO_RESPONDERS", { subject }),
  HF_BUS_WORKER_LOST: ({ from }, subject) =>
    own("HF_BUS_WORKER_LOST", { subject, who: nameOf(from) }),
  HF_BUS_TIMEOUT: (_told, subject, afterMs) => own("HF_BUS_TIMEOUT", { subject, afterMs }),
  HF_BUS_OVERLOADED: ({ message }, subject) =>
    own("HF_BUS_OVERLOADED", { subject, reason: message }),
  HF_BUS_LOCKED: ({ message }, subject) => own("HF_BUS_LOCKED", { name: subject, reason: message }),
  HF_BUS_FORBIDDEN: ({ message }, subject) => own("HF_BUS_FORBIDDEN", { subject, reason: message }),
  HF_BUS_SUBJECT_INVALID: ({ message }, subject) =>
    own("HF_BUS_SUBJECT_INVALID", { subject, fault: message }),
};

/** `subject` and `afterMs`: what was asked, and for how long. */
export function errorOf({ head }: BusFrame, subject: string, afterMs = 0): Error {
  const from = head?.from ? senderOf(head.from) : null;
  const told = { ...readTold(head), from };
  // So the supervisor marks what a handler threw, which may be an error of the bus by itself.
  if (head?.thrown === true) return new BusRemoteError(told, subject, from);
  const make = OWN[String(told.code)];
  return (
    make?.(told, subject, afterMs) ??
    ofQueues(told, head) ??
    new BusRemoteError(told, subject, from)
  );
}

/** What the store of durable queues says, in its own words. */
function ofQueues({ code }: Told, head: BusFrame["head"]): Error | null {
  const isKnown = String(code).startsWith("HF_BUS_QUEUE_") && Object.hasOwn(ERRORS, String(code));
  const { details } = head ?? {};
  if (!isKnown || typeof details !== "object" || details === null) return null;
  try {
    return own(code as "HF_BUS_QUEUE_FULL", details as { queue: string; reason: string });
  } catch {
    // Another version of Holdfast has other details: its own message is told then.
    return null;
  }
}

/** "worker 7 (api, slot 2)". */
function nameOf(from: Sender | null): string {
  if (from === null) return "The one who worked on it";
  if (from.worker === null) return `The client ${from.name ?? `of number ${from.member}`}`;
  return `Worker ${from.worker} (${from.app}, slot ${from.slot})`;
}

function own<Code extends ErrorCode>(
  code: Code,
  details: ConstructorParameters<typeof HoldfastError<Code>>[1],
): HoldfastError<Code> {
  return new HoldfastError(code, details);
}

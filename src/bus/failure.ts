/** What a failure is to the one who hears it: one of the bus's own errors, or what a handler threw. */

import { type ErrorCode, HoldfastError } from "../errors.ts";
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
  HF_BUS_SUBJECT_INVALID: ({ message }, subject) =>
    own("HF_BUS_SUBJECT_INVALID", { subject, fault: message }),
};

/** `subject` and `afterMs`: what was asked, and for how long. */
export function errorOf({ head }: BusFrame, subject: string, afterMs = 0): Error {
  const from = head?.from ? senderOf(head.from) : null;
  const told = { ...readTold(head), from };
  // So the supervisor marks what a handler threw, which may be an error of the bus by itself.
  const make = head?.thrown === true ? undefined : OWN[String(told.code)];
  return make?.(told, subject, afterMs) ?? new BusRemoteError(told, subject, from);
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

/** The frames a client sends. */

import type { OutgoingFrame } from "../link/bus-frames.ts";
import type { Body } from "./body.ts";

const EMPTY = Buffer.alloc(0);
const NO_BODY: Body = { format: 0, bytes: EMPTY };

export function frameOf(
  kind: number,
  id: number,
  subject = "",
  head: Readonly<Record<string, unknown>> | null = null,
  { format, bytes }: Body = NO_BODY,
): OutgoingFrame {
  return { kind, format, id, to: 0, subject, head, body: bytes };
}

/** Most publishes say nothing in their head, and then they have none. */
export function headOrNull(
  head: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> | null {
  for (const _name in head) return head;
  return null;
}

/** An open request and the work of members on it. Pure. */
import type { Due } from "./deadlines.ts";
import type { Standing } from "./members.ts";
import type { Ask, Member } from "./terms.ts";

/** A request that is open. */
export interface Request extends Due {
  readonly kind: "request";
  readonly asker: Standing;
  /** The asker's number for it. */
  readonly id: number;
  readonly subject: string;
  readonly key: string | undefined;
  readonly isIdempotent: boolean;
  readonly isHeld: boolean;
  readonly isGather: boolean;
  readonly bytes: number;
  /** Kept only while it may have to be sent (again). */
  payload: unknown;
  /** Who works on it: one, or those of a gather that have not answered. */
  readonly works: Set<Work>;
  /** Who was lost over it. */
  lost: Member | null;
}

/** One member's work on a request: an exchange. */
export interface Work {
  readonly exchange: number;
  readonly worker: Standing;
  readonly request: Request;
}

export function newRequest(asker: Standing, ask: Ask): Request {
  return {
    kind: "request",
    asker,
    id: ask.id,
    subject: ask.subject,
    deadline: ask.deadline,
    key: ask.key,
    isIdempotent: ask.idempotent === true,
    isHeld: ask.hold === true,
    isGather: ask.all === true,
    bytes: ask.bytes ?? 0,
    payload: ask.payload,
    works: new Set(),
    lost: null,
    place: -1,
  };
}

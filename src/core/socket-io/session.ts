/** One session: what its owners tell of it, and which of that is newer. Pure. */

import { afterChange, type JoinedText } from "./joined.ts";

/** A session as its owner tells it: whole, or what has changed. */
export interface SessionNews {
  readonly nsp: string;
  readonly pid: string;
  readonly sid: string;
  /** Which of its owners tells it: claims count them. */
  readonly turn: number;
  /** Counts all that this owner tells. */
  readonly step: number;
  /** The step before, which this one changes; null: it is told whole. */
  readonly after: number | null;
  /** All rooms, or those joined since. */
  readonly joined: JoinedText;
  /** Rooms left since. */
  readonly left: readonly string[];
  /** None: it is as it was. */
  readonly data?: unknown;
  /** It has a client, has lost it, or will not be wanted any more. */
  readonly state: "on" | "left" | "over";
}

/** What a session was like with an owner when that one lost it to another. */
export type Moved = Pick<SessionNews, "nsp" | "pid" | "turn" | "joined" | "data">;

/** Who has told last what a session is like: the owner of which turn, and its step. */
export interface Told {
  told: number;
  teller: string;
  step: number;
}

export interface Session extends Told {
  readonly nsp: string;
  readonly pid: string;
  readonly sid: string;
  joined: JoinedText;
  data: unknown;
  /** The member that has it; it may be gone. */
  owner: string;
  /** When it lost its client, in ms since 1970; null: it has one. */
  leftAt: number | null;
  /** Counts its owners: who wants it names the one it knows. */
  turn: number;
  /** The member that is to tell its last state. */
  from: string | null;
}

/** What became of a claim. */
export type Claimed =
  | { readonly kind: "refused" }
  | { readonly kind: "taken"; readonly session: Session; readonly from: string }
  /** Its last owner lives, and tells what it is like. */
  | { readonly kind: "awaited"; readonly session: Session; readonly from: string };

export interface ClaimTerms {
  readonly nsp: string;
  readonly pid: string;
  readonly turn: number;
}

/** Whether something newer is known already. Of two owners of one turn, all take the same for the right one. */
export function isOld(
  { turn, step }: { turn: number; step: number },
  from: string,
  last: Told,
): boolean {
  if (turn !== last.told) return turn < last.told;
  return from === last.teller ? step <= last.step : from > last.teller;
}

/** Whether it changes what is known. */
export function isNext(news: SessionNews, from: string, known: Session | undefined): boolean {
  return known?.told === news.turn && known.teller === from && known.step === news.after;
}

/** What a session is like now. */
export function tell(
  session: Session,
  news: Omit<SessionNews, "sid" | "state">,
  from: string,
): void {
  const { turn, step, after, left, joined } = news;
  session.joined = after === null ? joined : afterChange(session.joined, left, joined);
  if (news.data !== undefined) session.data = news.data;
  session.told = turn;
  session.teller = from;
  session.step = step;
}

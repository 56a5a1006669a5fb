/** Who takes part in the exchange, and what is under way with it. Pure. */

import { PassingMap } from "../passing-map.ts";
import type { Member, MemberState, Subscription, Target } from "./terms.ts";
import type { Request, Work } from "./work.ts";

/** A member as the exchange knows it. */
export interface Standing {
  readonly member: Member;
  state: MemberState;
  /** Its subscriptions, by number. */
  readonly seats: Map<number, Seat>;
  /** Its own requests that are open, by its numbers. */
  readonly asked: PassingMap<number, Request>;
  /** What it works on for others, by exchange. */
  readonly works: PassingMap<number, Work>;
  /** Queue deliveries it has not worked off, of all its seats. */
  deliveries: number;
  /** All its subscriptions without a queue. */
  readonly target: Target;
}

/** A subscription and its member. */
export interface Seat {
  readonly standing: Standing;
  readonly subscription: Subscription;
  readonly target: Target;
  /** Queue deliveries that have not been worked off. */
  deliveries: number;
}

export function newStanding(member: Member, state: MemberState): Standing {
  return {
    member,
    state,
    seats: new Map(),
    asked: new PassingMap(),
    works: new PassingMap(),
    deliveries: 0,
    target: { member: member.id, to: 0 },
  };
}

export function newSeat(standing: Standing, subscription: Subscription): Seat {
  const target = { member: standing.member.id, to: subscription.number };
  return { standing, subscription, target, deliveries: 0 };
}

/** Where a seat gets its messages: by its number in a queue, with all the others of its member without one. */
export function targetOf(seat: Seat): Target {
  return seat.subscription.queue === null ? seat.standing.target : seat.target;
}

/** One more queue delivery is under way. */
export function countDelivery(seat: Seat): void {
  seat.deliveries += 1;
  seat.standing.deliveries += 1;
}

/** So many queue deliveries of a seat are over; no more than there were. */
export function countWorked(seat: Seat, number: number): void {
  const over = Math.min(number, seat.deliveries);
  seat.deliveries -= over;
  seat.standing.deliveries -= over;
}

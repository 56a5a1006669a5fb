/** Who of a group gets a message. Pure; runs for each message to a queue and each request. */
import { slotOf } from "../rendezvous.ts";
import type { Seat } from "./members.ts";
import type { IsFull, Subscription } from "./terms.ts";

/** Ready seats one of which gets each message of a subject. */
export interface Group {
  readonly seats: readonly Seat[];
  /** The members of the seats, in the same order. */
  readonly members: readonly number[];
  readonly by: Subscription["by"];
  /** Index of the seat whose turn it is. */
  next: number;
}

/** A group whose turns begin at seat `start` (any whole number from 0). At least one seat. */
export function newGroup(seats: readonly Seat[], start: number): Group {
  return {
    seats,
    members: seats.map((seat) => seat.target.member),
    by: seats[0]?.subscription.by ?? "turns",
    next: start % Math.max(1, seats.length),
  };
}

/**
 * Who gets a publish: somebody who is not full if there is one, else the one whose turn it is (it waits for it). A
 * key's owner gets it, full or not: the messages of a key keep their order. Only for groups with seats.
 */
export function seatForPublish(
  group: Group,
  key: string | undefined,
  isFull: IsFull,
  bytes: number,
): Seat {
  if (group.by === "key" && key !== undefined) return ownerOf(group, key, group.members);
  return (next(group, isFull, bytes) ?? next(group, nobody, bytes)) as Seat;
}

/** Who gets a request; null: all are full. */
export function seatForRequest(
  group: Group,
  key: string | undefined,
  isFull: IsFull,
  bytes: number,
): Seat | null {
  if (group.by !== "key" || key === undefined) return next(group, isFull, bytes);
  const owner = ownerOf(group, key, group.members);
  if (!isFull(owner.target.member, bytes)) return owner;
  const free = group.members.filter((member) => !isFull(member, bytes));
  return free.length === 0 ? null : ownerOf(group, key, free);
}

/** Nobody is full. */
export function nobody(): boolean {
  return false;
}

function ownerOf(group: Group, key: string, members: readonly number[]): Seat {
  return group.seats[group.members.indexOf(slotOf(key, members))] as Seat;
}

function next(group: Group, isFull: IsFull, bytes: number): Seat | null {
  return group.by === "idle" ? idlest(group, isFull, bytes) : inTurn(group, isFull, bytes);
}

function inTurn(group: Group, isFull: IsFull, bytes: number): Seat | null {
  const { seats } = group;
  let at = group.next;
  for (let tried = 0; tried < seats.length; tried += 1) {
    const seat = seats[at] as Seat;
    at = at + 1 < seats.length ? at + 1 : 0;
    if (isFull(seat.target.member, bytes)) continue;
    group.next = at;
    return seat;
  }
  return null;
}

/** The one with the least under way; among equals it goes by turns. */
function idlest(group: Group, isFull: IsFull, bytes: number): Seat | null {
  const { seats } = group;
  let best: Seat | null = null;
  let least = Number.POSITIVE_INFINITY;
  let at = group.next;
  for (let tried = 0; tried < seats.length && least > 0; tried += 1) {
    const seat = seats[at] as Seat;
    const load = seat.standing.works.size + seat.standing.deliveries;
    at = at + 1 < seats.length ? at + 1 : 0;
    if (load >= least || isFull(seat.target.member, bytes)) continue;
    best = seat;
    least = load;
    group.next = at;
  }
  return best;
}

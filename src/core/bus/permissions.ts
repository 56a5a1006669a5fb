/** What a client from another machine may do on the bus: lists of patterns, one for each kind of action. Pure. */

import { matches } from "./subjects.ts";

export const ACTIONS = ["publish", "subscribe", "request", "reply", "queues", "locks"] as const;
export type Action = (typeof ACTIONS)[number];

/** By action: the patterns whose subjects are allowed. An empty list allows nothing. */
export type Permissions = Readonly<Record<Action, readonly string[]>>;

/** Whether the action is allowed on the subject. */
export function may(permissions: Permissions, action: Action, subject: string): boolean {
  return permissions[action].some((allowed) => matches(allowed, subject));
}

/** Whether it is allowed on all subjects of the pattern: they must all be in one of the allowed patterns. */
export function mayAll(permissions: Permissions, action: Action, pattern: string): boolean {
  return permissions[action].some((allowed) => isWithin(pattern, allowed));
}

/** Whether all subjects of one pattern are subjects of the other one, too. */
export function isWithin(pattern: string, other: string): boolean {
  const tokens = pattern.split(".");
  const others = other.split(".");
  for (const [index, wanted] of others.entries()) {
    const token = tokens[index];
    if (token === undefined) return false;
    if (wanted === ">") return true;
    // What stands for any number of words is in nothing that stands for one.
    if (token === ">" || (wanted !== "*" && wanted !== token)) return false;
  }
  return tokens.length === others.length;
}

/** What a background supervisor keeps about its apps, and does to them. */

import { Operations } from "./operations.ts";
import type { Registry } from "./registry.ts";
import type { Supervisor } from "./supervisor.ts";
import { Turns } from "./turns.ts";

export interface Household {
  readonly supervisor: Supervisor;
  readonly registry: Registry;
  readonly operations: Operations;
  readonly turns: Turns;
  /** The supervisor ends: it begins nothing new. */
  isClosing(): boolean;
}

export function householdOf(supervisor: Supervisor, registry: Registry): Household {
  let isEnding = false;
  // By `shutdown`, by a signal, or by who runs it: whatever begins after this would be killed.
  supervisor.on("stopping", () => {
    isEnding = true;
  });
  const isClosing = (): boolean => isEnding;
  const turns = new Turns();
  const operations = new Operations({ supervisor, registry, turns, isClosing });
  return { supervisor, registry, operations, turns, isClosing };
}

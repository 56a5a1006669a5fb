/** Notices when workers and supervisors end, whoever made them. */

import { isAlive } from "../support/processes.ts";
import type { Ledger } from "./ledger.ts";
import type { World } from "./world.ts";

const EVERY_MS = 500;

/** Looks until it is stopped; the last look is at the stop. */
export function observe(world: World, ledger: Ledger): () => void {
  const known = new Map<number, { slot: number | null; lastSeen: number }>();
  const look = (): void => {
    const at = Date.now();
    for (const { pid, worker, slot } of world.members()) {
      if (worker !== null) known.set(pid, { slot: slot ?? -1, lastSeen: at });
    }
    const supervisor = world.claimed();
    if (supervisor !== null) known.set(supervisor, { slot: null, lastSeen: at });
    for (const [pid, { slot, lastSeen }] of known) {
      if (lastSeen === at || isAlive(pid)) continue;
      ledger.gone.push({ pid, slot, lastSeen, at });
      known.delete(pid);
    }
  };
  const timer = setInterval(look, EVERY_MS);
  return () => {
    clearInterval(timer);
    look();
  };
}

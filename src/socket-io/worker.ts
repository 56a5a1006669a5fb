import type { Bus } from "../bus/api.ts";
import { ownHooks } from "../bus/worker-bus.ts";
import { bus } from "../bus.ts";

/** Null where Holdfast is not around this process, or has no bus for it. */
export function busOfThisWorker(): Bus | null {
  return ownHooks()?.bus ? bus : null;
}

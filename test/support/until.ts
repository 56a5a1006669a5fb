import { setTimeout as sleep } from "node:timers/promises";

/** How long to wait and what for; `what` is what the error names. */
export interface UntilOptions {
  what: string;
  timeoutMs?: number;
  intervalMs?: number;
}

/**
 * Polls a state that announces itself with no event, and resolves with the predicate's first truthy
 * value. A predicate that throws counts as "not yet": what it polls may not exist so far.
 */
export async function until<T>(
  predicate: () => T | Promise<T>,
  { what, timeoutMs = 10_000, intervalMs = 20 }: UntilOptions,
): Promise<NonNullable<Exclude<T, false | 0 | "">>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      last = await predicate();
      if (last) return last as NonNullable<Exclude<T, false | 0 | "">>;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadline) {
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what} (last seen: ${String(last)})`);
    }
    await sleep(intervalMs);
  }
}

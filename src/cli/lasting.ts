/** A supervisor that ends is no reason to fail: its end is waited for, and another one does what was asked. */

import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError, isExplained } from "../errors.ts";
import type { Verb, Verbs } from "../link/control.ts";
import type { CallOptions, ControlClient } from "../link/control-client.ts";
import { isAlive } from "../system/proc.ts";

const LOOK_EVERY_MS = 50;

/**
 * A client whose questions go to the next supervisor when this one shuts down: it has done nothing about
 * them. The timeout of a question covers the waiting as well.
 */
export function lasting(first: ControlClient, next: () => Promise<ControlClient>): ControlClient {
  let client = first;
  return {
    get supervisor() {
      return client.supervisor;
    },
    async call<V extends Verb>(
      verb: V,
      takes: Verbs[V]["takes"],
      options: CallOptions = {},
    ): Promise<Verbs[V]["gives"]> {
      const left = remaining(options.timeoutMs);
      for (;;) {
        try {
          return await client.call(verb, takes, { ...options, ...left() });
        } catch (error) {
          if (!isExplained(error) || error.code !== "HF_SHUTTING_DOWN") throw error;
        }
        const { pid } = client.supervisor;
        process.stderr.write(`note: the supervisor (pid ${pid}) shuts down; waiting for its end\n`);
        client.close();
        await ended(pid, verb, { ...options, ...left() });
        client = await next();
      }
    },
    close: () => client.close(),
  };
}

/** What is left of a timeout from now on; nothing where there is none. */
function remaining(timeoutMs: number | undefined): () => { timeoutMs?: number } {
  if (timeoutMs === undefined) return () => ({});
  const until = performance.now() + timeoutMs;
  return () => ({ timeoutMs: Math.max(1, until - performance.now()) });
}

/** Another process announces its end to nobody but its parent: this polls. Rejects with HF_TIMEOUT or HF_ABORTED. */
async function ended(
  pid: number,
  action: string,
  { timeoutMs, signal }: CallOptions,
): Promise<void> {
  const until = performance.now() + (timeoutMs ?? Number.POSITIVE_INFINITY);
  while (isAlive(pid)) {
    if (signal?.aborted) throw new HoldfastError("HF_ABORTED", { action });
    if (performance.now() >= until) {
      throw new HoldfastError("HF_TIMEOUT", { action, afterMs: timeoutMs ?? 0 });
    }
    await pause(LOOK_EVERY_MS);
  }
}

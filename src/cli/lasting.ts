/** A supervisor that ends is no reason to fail: its end is waited for, and another one does what was asked. */

import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError, isExplained } from "../errors.ts";
import type { Verb, Verbs } from "../link/control.ts";
import type { CallOptions, ControlClient } from "../link/control-client.ts";
import { isAlive } from "../system/proc.ts";

const LOOK_EVERY_MS = 50;
const FOLLOWS_WITHIN_MS = 3000;
/** How a supervisor ends in order, and what is told of it. */
const ENDINGS: Readonly<Record<string, string>> = {
  HF_SHUTTING_DOWN: "shuts down; waiting for its end",
  HF_HANDED_OVER: "hands over; asking the next one",
};

export interface Others {
  /** The one that runs, or else one that is started. */
  next(): Promise<ControlClient>;
  /** Null where none runs. */
  find(): Promise<ControlClient | null>;
}

/**
 * A client whose questions go to the next supervisor when this one shuts down: it has done nothing about
 * them. The timeout of a question covers the waiting as well.
 */
export function lasting(first: ControlClient, others: Others): ControlClient {
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
        let code = "";
        try {
          return await client.call(verb, takes, { ...options, ...left() });
        } catch (error) {
          if (!isExplained(error) || !Object.hasOwn(ENDINGS, error.code)) throw error;
          ({ code } = error);
        }
        const { pid } = client.supervisor;
        process.stderr.write(`note: the supervisor (pid ${pid}) ${ENDINGS[code]}\n`);
        client.close();
        await ended(pid, verb, { ...options, ...left() });
        const heir = code === "HF_HANDED_OVER" ? await follower(others) : null;
        client = heir ?? (await others.next());
      }
    },
    close: () => client.close(),
  };
}

/** It claims the home as soon as the one before is gone: nobody is to be faster. */
async function follower({ find }: Others): Promise<ControlClient | null> {
  const until = performance.now() + FOLLOWS_WITHIN_MS;
  for (;;) {
    const found = await find();
    if (found || performance.now() >= until) return found;
    await pause(LOOK_EVERY_MS);
  }
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

/** What the supervisor that an heir becomes is given. */

import { setTimeout as pause } from "node:timers/promises";
import { heirRetryMs, waitBeforeReignMs } from "../../core/reigns.ts";
import { explained } from "../../errors.ts";
import type { Logger } from "../../logs/log.ts";
import type { HeldShards } from "./held-shards.ts";

export interface Inheritance extends HeldShards {
  /** The supervisor before. */
  readonly died: {
    readonly pid: number;
    /** When that was noticed, in the time of `performance.now()`. */
    readonly at: number;
  };
  /** Its version of Holdfast, where it has handed over on purpose. */
  readonly upgradeFrom: string | null;
  /** How many reigns in a row were short ones, that of the dead among them. */
  readonly shortReigns: number;
  /** The home, where it was claimed: gives the function that gives it back, once. */
  takeClaim(): (() => void) | null;
  /** Aborted when a signal to stop has come. */
  readonly urged: AbortSignal;
  /** Signals are obeyed by the supervisor from now on, those that have come since the death as well. */
  rule(): void;
}

/**
 * Waits where supervisors have died again and again after a short time: what they died of may be what is
 * taken over, and workers serve on meanwhile. A signal to stop ends the wait.
 */
export async function bideTime({ shortReigns, urged }: Inheritance, log: Logger): Promise<void> {
  const waitMs = waitBeforeReignMs(shortReigns);
  if (waitMs === 0) return;
  const what = `${shortReigns} supervisors in a row died within seconds: the next one takes over in ${waitMs} ms`;
  log.error({ shortReigns, waitMs }, what);
  await pause(waitMs, undefined, { signal: urged }).catch(() => {});
}

/**
 * Opens a home that cannot be used at the moment again and again, as that of a full disk: workers have nobody
 * else. Rejects with any other fault, and with that one when a signal to stop has come.
 */
export async function openAtLast<Opened>(
  open: () => Promise<Opened>,
  { urged }: Inheritance,
  log: Logger,
): Promise<Opened> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await open();
    } catch (error) {
      const { code, message, remedy } = explained(error);
      if (code !== "HF_HOME_UNUSABLE" || urged.aborted) throw error;
      if (tries === 1) log.error({ code, remedy }, `not taken over yet: ${message}`);
      await pause(heirRetryMs(tries), undefined, { signal: urged }).catch(() => {});
    }
  }
}

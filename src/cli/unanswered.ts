/** A home whose socket nobody answers: it may have an owner all the same. */

import { existsSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError } from "../errors.ts";
import type { ControlClient } from "../link/control-client.ts";
import { type Owner, ownerOf } from "../supervisor/home-lock.ts";
import type { Home } from "../system/home.ts";

/** One that starts listens in a moment, one that ends is gone in another, and a deleted socket is made again every second. */
const WITHIN_MS = 5000;
const LOOK_EVERY_MS = 50;
/** Where one was killed its heir claims the home, if there is one. */
const FOLLOWED_WITHIN_MS = 1000;

/**
 * Waits for the owner to answer or to go, and for who follows one that was killed; null where there is nobody.
 * Rejects with HF_SUPERVISOR_UNREACHABLE.
 */
export async function awaitOwner(
  home: Home,
  dial: () => Promise<ControlClient | null>,
): Promise<ControlClient | null> {
  const until = performance.now() + WITHIN_MS;
  for (let owner = await nextOwner(home); owner; owner = await nextOwner(home)) {
    const client = await dial();
    if (client) return client;
    if (performance.now() >= until) {
      const { directory, socket } = home;
      throw new HoldfastError("HF_SUPERVISOR_UNREACHABLE", {
        ...{ home: directory, pid: owner.pid, socket },
      });
    }
    await pause(LOOK_EVERY_MS);
  }
  return null;
}

/** Who has the home, or has it in a moment; null where nobody does. */
async function nextOwner(home: Home): Promise<Owner | null> {
  const until = performance.now() + FOLLOWED_WITHIN_MS;
  for (;;) {
    const owner = ownerOf(home);
    if (owner || !hasHeir(home) || performance.now() >= until) return owner;
    await pause(LOOK_EVERY_MS);
  }
}

/** Whether somebody may follow. What runs stays written down where it was not ended in order. */
function hasHeir({ roster, stateFile }: Home): boolean {
  if (!existsSync(roster)) return false;
  try {
    return (JSON.parse(readFileSync(stateFile, "utf8")) as { heir?: unknown }).heir !== false;
  } catch {
    // Nothing is known of it: it is there unless somebody has switched it off.
    return true;
  }
}

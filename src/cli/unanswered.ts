/** A home whose socket nobody answers: it may have an owner all the same. */

import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError } from "../errors.ts";
import type { ControlClient } from "../link/control-client.ts";
import { ownerOf } from "../supervisor/home-lock.ts";
import type { Home } from "../system/home.ts";

/** One that starts listens in a moment, one that ends is gone in another, and a deleted socket is made again every second. */
const WITHIN_MS = 5000;
const LOOK_EVERY_MS = 50;

/** Waits for the owner to answer or to go; null where there is none. Rejects with HF_SUPERVISOR_UNREACHABLE. */
export async function awaitOwner(
  home: Home,
  dial: () => Promise<ControlClient | null>,
): Promise<ControlClient | null> {
  const until = performance.now() + WITHIN_MS;
  for (let owner = ownerOf(home); owner; owner = ownerOf(home)) {
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

/** A folder that anybody could have made, had it gone while nobody was there: whoever listens in it hears tokens. */

import { lstatSync } from "node:fs";
import { dirname } from "node:path";
import type { HomeSettings } from "../../link/adoption.ts";

/** Others may pass through it, and put nothing into it. */
const OTHERS_WRITE = 0o022;

/** Whether the socket is where only the supervisor's user can have put it. Never throws. */
export function isKept({ socket, keeper }: Pick<HomeSettings, "socket" | "keeper">): boolean {
  if (keeper === undefined) return true;
  try {
    const found = lstatSync(dirname(socket));
    return found.isDirectory() && found.uid === keeper && (found.mode & OTHERS_WRITE) === 0;
  } catch {
    // Not there: nobody is.
    return false;
  }
}

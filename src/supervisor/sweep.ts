/** The last of a stop: what left its process group, and lost its parents, is found by what it inherited. */

import { pidsWithEnvironment } from "../system/proc.ts";

/** SIGKILL to every process that carries the supervisor's marker still. */
export function sweep(marker: string): void {
  for (const pid of pidsWithEnvironment("HOLDFAST_SUPERVISOR", marker)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself meanwhile.
    }
  }
}

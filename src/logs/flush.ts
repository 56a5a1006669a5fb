/** Empties logs. */

import { rmSync, truncateSync } from "node:fs";
import { archivesOf } from "./archives.ts";
import { lock } from "./lock.ts";
import { forgetState } from "./rotation-state.ts";

export interface Flushed {
  readonly emptied: number;
  readonly deleted: number;
  /** Files a rotation was at: to be emptied again a moment later. */
  readonly busy: readonly string[];
}

/**
 * Truncates these files, which workers go on writing to, and deletes their archives. Files that are not
 * there count as empty. Throws what the system says.
 */
export function flushLogs(paths: readonly string[]): Flushed {
  let emptied = 0;
  let deleted = 0;
  const busy: string[] = [];
  for (const path of paths) {
    try {
      const unlock = lock(path);
      if (unlock === null) {
        busy.push(path);
        continue;
      }
      try {
        for (const archive of archivesOf(path)) {
          rmSync(archive.path, { force: true });
          deleted++;
        }
        forgetState(path);
        truncateSync(path, 0);
        emptied++;
      } finally {
        unlock();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return { emptied, deleted, busy };
}

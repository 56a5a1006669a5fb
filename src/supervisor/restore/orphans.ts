/** Workers without a supervisor: it is gone, and none has followed yet. */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { namesIn } from "../../system/folder.ts";
import type { Home } from "../../system/home.ts";
import { isRunning } from "../../system/proc.ts";
import { APP } from "../roster/before.ts";
import { appIn, type WorkerRecord } from "../roster/records.ts";

/** Whether some of a home's workers serve on although its supervisor does not run. Changes nothing; never throws. */
export function hasOrphans({ roster }: Home): boolean {
  return workersIn(roster).length > 0;
}

/** Whether one of them was told of a socket in this folder. Never throws. */
export function isKnownToWorkers(roster: string, folder: string): boolean {
  return workersIn(roster).some(({ socket, busPath }) =>
    [socket, busPath].some((path) => typeof path === "string" && dirname(path) === folder),
  );
}

function workersIn(roster: string): readonly WorkerRecord[] {
  const files = namesIn(roster).filter((name) => name.endsWith(APP));
  return files.flatMap((name) => servingIn(join(roster, name)));
}

function servingIn(path: string): readonly WorkerRecord[] {
  try {
    const { workers } = appIn(readFileSync(path, "utf8"), 0);
    return workers.filter(({ identity }) => isRunning(identity));
  } catch {
    // Not for us to read, or written by another version: whoever starts the next supervisor is told of it.
    return [];
  }
}

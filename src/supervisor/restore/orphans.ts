/** Workers without a supervisor: it is gone, and none has followed yet. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../../system/home.ts";
import { isThere } from "../adoption/identity.ts";
import { APP } from "../roster/before.ts";
import { namesIn } from "../roster/folder.ts";
import { appIn } from "../roster/records.ts";

/** Whether some of a home's workers serve on although its supervisor does not run. Changes nothing; never throws. */
export function hasOrphans({ roster }: Home): boolean {
  return namesIn(roster).some((name) => name.endsWith(APP) && isServed(join(roster, name)));
}

function isServed(path: string): boolean {
  try {
    const { workers } = appIn(readFileSync(path, "utf8"), 0);
    return workers.some(({ identity }) => isThere(identity));
  } catch {
    // Not for us to read, or written by another version: whoever starts the next supervisor is told of it.
    return false;
  }
}

/** Folders that may be gone, or somebody else's. */

import { readdirSync } from "node:fs";

/** The names in a folder; none where it is not there, or not for us to see. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The version of the package this file belongs to. */

import { readFileSync } from "node:fs";

export function version(): string {
  // From dist/src/cli and from src/cli alike the package's folder is some levels up.
  for (const up of ["../../../package.json", "../../package.json"]) {
    try {
      const found = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")) as {
        name?: string;
        version?: string;
      };
      if (found.name === "holdfast" && found.version) return found.version;
    } catch {
      // The other layout.
    }
  }
  return "unknown";
}

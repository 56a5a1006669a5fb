/** What comes and goes through a collection, and what of it is left to be found only when everything is collected. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const CHURN = fileURLToPath(new URL("../fixtures/churn.mjs", import.meta.url));

/** Of 64 MB, in MB. */
export function leftMb(kind: "set" | "open-sockets" | "map" | "passing-map"): number {
  // With room for all of it: nothing is collected as a whole meanwhile.
  const args = ["--expose-gc", "--initial-old-space-size=512", CHURN, kind];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

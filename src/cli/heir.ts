/** What a command line and a file together ask about the heir of the background supervisor. */

import type { ControlClient } from "../link/control-client.ts";
import { type Talk, tellFailure } from "./outcomes.ts";

/** Undefined: nothing is said about it. */
export type WantedHeir = boolean | undefined;

/** `--heir` and `--no-heir` go before the file. */
export function heirAsked({ heir }: Record<string, unknown>, written: WantedHeir): WantedHeir {
  return typeof heir === "boolean" ? heir : written;
}

/** Has the supervisor do so, and tells what came of it; the exit status. */
export async function applyHeir(
  client: ControlClient,
  wanted: WantedHeir,
  { dryRun, timeoutMs, talk }: { dryRun: boolean; timeoutMs: number; talk: Talk },
): Promise<number> {
  if (wanted === undefined) return 0;
  const { did, unsaved } = await client.call("heir", { heir: wanted, dryRun }, { timeoutMs });
  if (did !== null) talk.say(`heir: ${dryRun ? "would be " : ""}${did}`);
  if (!unsaved) return 0;
  tellFailure(unsaved, talk);
  return unsaved.exitStatus;
}

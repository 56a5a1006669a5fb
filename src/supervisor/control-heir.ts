/** The verb about whether there is an heir. */

import { readHeir } from "../config/heir.ts";
import { HoldfastError } from "../errors.ts";
import type { HeirOutcome, Verbs } from "../link/control.ts";
import { recorded } from "./control-changes.ts";
import type { Registry } from "./registry.ts";
import type { Succession } from "./succession.ts";

/** Has an heir, or none, from now on; with `dryRun` it only says what would be. Rejects with HF_CONFIG_INVALID. */
export async function changeHeir(
  { succession, registry }: { readonly succession: Succession; readonly registry: Registry },
  takes: Partial<Verbs["heir"]["takes"]>,
): Promise<HeirOutcome> {
  const isWanted = heirIn(takes.heir);
  const did = isWanted === succession.isWanted ? null : isWanted ? "on" : "off";
  if (takes.dryRun === true || did === null) return { did };
  succession.want(isWanted);
  registry.admit({ heir: isWanted });
  return recorded(registry, async () => ({ did }));
}

function heirIn(value: unknown): boolean {
  const reading = readHeir(value);
  if (reading.ok) return reading.value;
  const faults = reading.faults.map((each) => ({ ...each, path: "heir" }));
  throw new HoldfastError("HF_CONFIG_INVALID", { faults });
}

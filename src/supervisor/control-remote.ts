/** The verb about how other machines reach the bus. */

import { addressText } from "../config/admin.ts";
import { type BusOptions, busInput, readBus } from "../config/bus.ts";
import { explained, HoldfastError } from "../errors.ts";
import type { AdminOutcome, Verbs } from "../link/control.ts";
import { credentialsOf } from "./bus/credentials.ts";
import { recorded } from "./control-changes.ts";
import type { Registry } from "./registry.ts";
import type { Supervisor } from "./supervisor.ts";

/** Moves it, or says with `dryRun` what would be. Rejects with HF_BUS_REMOTE_INVALID before anything changes. */
export async function changeRemote(
  { supervisor, registry }: { readonly supervisor: Supervisor; readonly registry: Registry },
  takes: Partial<Verbs["remote"]["takes"]>,
): Promise<AdminOutcome> {
  const wanted = busIn(takes.bus);
  const { remote } = supervisor.bus;
  const isSame = textOf(remote.options) === textOf(wanted);
  if (takes.dryRun === true) {
    if (wanted) credentialsOf(wanted, process.env);
    return { did: isSame ? null : didOf(wanted && addressText(wanted.listen)), error: null };
  }
  await remote.configure(wanted);
  if (!isSame) registry.admit({ bus: wanted });
  return recorded(registry, async () => ({
    did: isSame ? null : didOf(remote.address),
    error: remote.fault && explained(remote.fault),
  }));
}

function busIn(value: unknown): BusOptions | null {
  const reading = readBus(value);
  if (reading.ok) return reading.value;
  const faults = reading.faults.map((each) => ({ ...each, path: `bus${each.path}` }));
  throw new HoldfastError("HF_CONFIG_INVALID", { faults });
}

function textOf(options: BusOptions | null): string {
  return JSON.stringify(busInput(options));
}

function didOf(address: string | null): string {
  return address === null ? "off" : `on ${address}`;
}

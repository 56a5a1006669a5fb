/** What a configuration file asks about the bus for other machines. */

import { type BusOptions, busInput } from "../config/bus.ts";
import { keyFault } from "../config/bus-permissions.ts";
import { HoldfastError } from "../errors.ts";
import type { ControlClient } from "../link/control-client.ts";
import { type Talk, tellFailure } from "./outcomes.ts";

/** Null: off; undefined: nothing is said about it. */
export type WantedBus = BusOptions | null | undefined;

/**
 * Keys that stand in variables are those of this shell: a supervisor in the background has others. Throws
 * HF_BUS_REMOTE_INVALID.
 */
export function busAsked(written: WantedBus): WantedBus {
  if (!written?.psk) return written;
  const identities = Object.entries(written.psk).map(([who, identity]) => {
    const { keyEnv } = identity;
    const key = keyEnv === null ? identity.key : keyIn(keyEnv);
    return [who, { ...identity, key, keyEnv: null }] as const;
  });
  return { ...written, psk: Object.fromEntries(identities) };
}

/** The variables that hold keys. */
export function keyVariables(written: WantedBus): readonly string[] {
  return Object.values(written?.psk ?? {}).flatMap(({ keyEnv }) => keyEnv ?? []);
}

/** Who may come, by name. */
export function clientsOf({ psk, tls }: BusOptions): readonly string[] {
  return Object.keys(psk ?? tls?.clients ?? {});
}

/**
 * Has the supervisor do so, and tells what came of it; the exit status. Rejects with HF_BUS_REMOTE_INVALID before
 * anything has changed.
 */
export async function applyBus(
  client: ControlClient,
  wanted: WantedBus,
  { dryRun, timeoutMs, talk }: { dryRun: boolean; timeoutMs: number; talk: Talk },
): Promise<number> {
  if (wanted === undefined) return 0;
  const takes = { bus: busInput(wanted), dryRun };
  const { did, error, unsaved } = await client.call("remote", takes, { timeoutMs });
  if (did !== null && error === null) {
    talk.say(`bus for other machines: ${dryRun ? "would be " : ""}${did}`);
  }
  const failures = [error, unsaved].filter((each) => each !== null && each !== undefined);
  for (const failure of failures) tellFailure(failure, talk);
  return failures[0]?.exitStatus ?? 0;
}

function keyIn(variable: string): string {
  const key = process.env[variable] ?? "";
  const reason = key === "" ? "there is none" : keyFault(key);
  if (reason === null) return key;
  const source = `the environment variable ${variable}`;
  throw new HoldfastError("HF_BUS_REMOTE_INVALID", { source, reason });
}

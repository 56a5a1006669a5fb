/** What a command line and a file together ask about the admin server. */

import { type AdminOptions, adminInput, listenKind, tokenInEnvironment } from "../config/admin.ts";
import { HoldfastError } from "../errors.ts";
import type { ControlClient } from "../link/control-client.ts";
import { type Talk, tellFailure } from "./outcomes.ts";

/** Null: off; undefined: nothing is said about it. */
export type WantedAdmin = AdminOptions | null | undefined;

/**
 * `--metrics` says where, before the file does; the token may stand in HOLDFAST_ADMIN_TOKEN. Throws
 * HF_CONFIG_INVALID, HF_ADMIN_TOKEN_INVALID.
 */
export function adminAsked(flags: Record<string, unknown>, written: WantedAdmin): WantedAdmin {
  const asked = flags.metrics === undefined ? written : fromFlag(flags.metrics, written);
  if (!asked || asked.token !== null || asked.tokenFile !== null) return asked;
  return { ...asked, token: tokenInEnvironment(process.env) };
}

function fromFlag(flag: unknown, written: WantedAdmin): AdminOptions | null {
  if (flag === false) return null;
  const reading = listenKind.read(flag);
  if (reading.ok) return { token: null, tokenFile: null, ...written, listen: reading.value };
  const faults = reading.faults.map(({ message }) => ({ path: "--metrics", message }));
  throw new HoldfastError("HF_CONFIG_INVALID", { faults });
}

/**
 * Has the supervisor do so, and tells what came of it; the exit status. Rejects with HF_ADMIN_UNPROTECTED and the
 * like before anything has changed.
 */
export async function applyAdmin(
  client: ControlClient,
  wanted: WantedAdmin,
  { dryRun, timeoutMs, talk }: { dryRun: boolean; timeoutMs: number; talk: Talk },
): Promise<number> {
  if (wanted === undefined) return 0;
  const takes = { admin: adminInput(wanted), dryRun };
  const { did, error, unsaved } = await client.call("admin", takes, { timeoutMs });
  if (did !== null && error === null) talk.say(`admin server: ${dryRun ? "would be " : ""}${did}`);
  const failures = [error, unsaved].filter((each) => each !== null && each !== undefined);
  for (const failure of failures) tellFailure(failure, talk);
  return failures[0]?.exitStatus ?? 0;
}

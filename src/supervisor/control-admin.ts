/** The verbs about metrics and the admin server. */

import { tokenOf } from "../admin/token.ts";
import { type AdminOptions, addressText, adminInput, readAdmin } from "../config/admin.ts";
import { explained, HoldfastError } from "../errors.ts";
import type { AdminOutcome, Verbs } from "../link/control.ts";
import { recorded } from "./control-changes.ts";
import type { Registry } from "./registry.ts";
import type { Supervisor } from "./supervisor.ts";

const OPENMETRICS = "application/openmetrics-text";

/** Moves the admin server, or says with `dryRun` what would be. Rejects with HF_ADMIN_* before anything changes. */
export async function changeAdmin(
  { supervisor, registry }: { readonly supervisor: Supervisor; readonly registry: Registry },
  takes: Partial<Verbs["admin"]["takes"]>,
): Promise<AdminOutcome> {
  const wanted = adminIn(takes.admin);
  const { admin } = supervisor;
  const isSame = textOf(admin.options) === textOf(wanted);
  if (takes.dryRun === true) {
    if (wanted) tokenOf(wanted, process.env);
    return { did: isSame ? null : didOf(wanted && addressText(wanted.listen)), error: null };
  }
  await admin.configure(wanted);
  if (!isSame) registry.admit({ admin: wanted });
  return recorded(registry, async () => ({
    did: isSame ? null : didOf(admin.address),
    error: admin.fault && explained(admin.fault),
  }));
}

/** What a scrape would get. */
export async function metricsText(
  supervisor: Supervisor,
  { openMetrics }: Partial<Verbs["metrics"]["takes"]>,
): Promise<Verbs["metrics"]["gives"]> {
  return supervisor.admin.metrics(openMetrics === true ? OPENMETRICS : undefined);
}

function adminIn(value: unknown): AdminOptions | null {
  const reading = readAdmin(value);
  if (reading.ok) return reading.value;
  const faults = reading.faults.map((each) => ({ ...each, path: `admin${each.path}` }));
  throw new HoldfastError("HF_CONFIG_INVALID", { faults });
}

function textOf(options: AdminOptions | null): string {
  return JSON.stringify(adminInput(options));
}

function didOf(address: string | null): string {
  return address === null ? "off" : `on ${address}`;
}

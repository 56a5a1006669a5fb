/** How a background supervisor is reached from outside: its admin server, and the bus for other machines. */

import type { AdminOptions } from "../config/admin.ts";
import type { BusOptions } from "../config/bus.ts";
import { HoldfastError } from "../errors.ts";
import type { Logger } from "../logs/log.ts";
import type { Registry } from "./registry.ts";
import type { Supervisor } from "./supervisor.ts";

/** Asked for now, a fault of it is a fault of the command; remembered, it must not keep the apps from running. */
export async function configureAdmin(
  { admin }: Supervisor,
  registry: Registry,
  { asked, saved }: { asked: AdminOptions | null | undefined; saved: AdminOptions | null },
  log: Logger,
): Promise<void> {
  admin.expect((app) => !registry.isStopped(app) && !registry.isDormant(app));
  try {
    await admin.configure(asked === undefined ? saved : asked);
    if (asked !== undefined) registry.admit({ admin: asked });
  } catch (error) {
    if (asked !== undefined || !(error instanceof HoldfastError)) throw error;
    log.error({ code: error.code, remedy: error.remedy }, error.message);
  }
}

/** What is remembered must not keep the apps from running; where it does not listen the supervisor says so. */
export async function openRemote(
  { bus: { remote } }: Supervisor,
  saved: BusOptions | null,
  log: Logger,
): Promise<void> {
  try {
    await remote.configure(saved);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    log.error({ code: error.code, remedy: error.remedy }, error.message);
  }
  await remote.open();
}

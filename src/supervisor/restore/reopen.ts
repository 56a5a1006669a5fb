/** Opens what one supervisor leaves to the next, with what the one before has left in it. */

import { dirname } from "node:path";
import { explained } from "../../errors.ts";
import type { Logger } from "../../logs/log.ts";
import type { Home } from "../../system/home.ts";
import { isRunning } from "../../system/proc.ts";
import { type Adoption, openAdoption } from "../adoption/adoption.ts";
import type { Continuity } from "../continuity.ts";
import type { HeldShards } from "../heir/held-shards.ts";
import { sweepRunFolder } from "../peer-folder.ts";
import type { AppRecord } from "../roster/records.ts";
import { openRoster, type Roster } from "../roster/roster.ts";
import type { SavedApp } from "../state-file.ts";
import type { Supervisor } from "../supervisor.ts";

export interface Reopened {
  readonly roster: Roster;
  /** Null where it could not be opened, which is logged: workers end with this supervisor then. */
  readonly adoption: Adoption | null;
  /** Apps that ran when the supervisor before was killed. */
  readonly apps: readonly AppRecord[];
}

export interface ReopenSettings {
  readonly version: string;
  readonly log: Logger;
  /** For all processes below this supervisor, unless it goes on with one of before. */
  readonly marker: string;
}

/** The home must have been claimed. Removes from it what nobody uses any more. */
export async function reopen(home: Home, settings: ReopenSettings): Promise<Reopened> {
  const { version, log, marker } = settings;
  const { roster, before, notices } = openRoster(home, {
    ...{ holdfastVersion: version, marker },
    fault: ({ code, message, remedy }) => log.error({ code, remedy }, message),
  });
  for (const notice of notices) log.error(notice);
  const apps = before?.apps ?? [];
  sweepRunFolder(home.run, foldersOf(apps));
  try {
    const adoption = await openAdoption({ path: home.adoptSocket, version, log });
    return { roster, adoption, apps };
  } catch (error) {
    const { code, message } = explained(error);
    log.error(
      { code },
      `workers end with this supervisor, and those of before end now: ${message}`,
    );
    for (const app of apps) dismiss(app);
    return { roster, adoption: null, apps: [] };
  }
}

/**
 * The apps to go on with. One that was trying out other options and has nobody left begins anew instead, with what
 * served: nothing is left to protect, and what was tried has not proved itself.
 */
export function goingOn(
  { apps }: Reopened,
  saved: readonly Pick<SavedApp, "options" | "trial">[],
): readonly AppRecord[] {
  const onTrial = new Set(saved.filter(({ trial }) => trial).map(({ options }) => options.name));
  const lives = ({ workers }: AppRecord): boolean =>
    workers.some(({ identity }) => isRunning(identity));
  return apps.filter((app) => !onTrial.has(app.name) || lives(app));
}

/** What this supervisor goes on with. */
export function continuityOf({
  roster,
  adoption,
}: Reopened): Omit<Continuity, "heir" | "succession"> {
  const { marker, nextWorkerId } = roster.supervisor;
  return { adoption, roster, marker, nextWorkerId };
}

/** The supervisor knows its apps: it goes on with those that run, and ends those that it does not know. */
export function takeOver(
  supervisor: Supervisor,
  { adoption }: Reopened,
  apps: readonly AppRecord[],
  held: HeldShards | null = null,
): void {
  if (adoption) for (const app of apps) supervisor.restore(app, { adoption, held });
  adoption?.complete();
  held?.closeRest();
}

/** Folders of sockets that workers serve their siblings at, and of the bus's where they know it. */
function foldersOf(apps: readonly AppRecord[]): ReadonlySet<string> {
  const workers = apps.flatMap((app) => app.workers);
  const paths = workers.flatMap(({ sticky, busPath }) =>
    [sticky?.path ?? [], busPath ?? []].flat(),
  );
  return new Set(paths.map(dirname));
}

/** Nobody could speak to them: they are told to end in the way every process is. */
function dismiss({ workers }: AppRecord): void {
  for (const { identity } of workers) {
    try {
      if (isRunning(identity)) process.kill(identity.pid, "SIGTERM");
    } catch {
      // It has ended this very moment.
    }
  }
}

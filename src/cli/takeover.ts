/**
 * What an heir loads to become the supervisor: `holdfast supervisor` again, in its process. Where the package was
 * replaced meanwhile the heir is of another version: what it calls here keeps its name and shape.
 */

import type { Inheritance } from "../supervisor/heir/inheritance.ts";
import { claimHome } from "../supervisor/home-lock.ts";
import type { TrialAnswer, TrialTerms } from "../supervisor/upgrade/fitness.ts";
import { homeAt } from "../system/home.ts";

/**
 * Claims the home before anything else: commands wait for this supervisor then, and start none. Gives the function
 * that gives it back; null where it cannot be had now, which is told when it is asked for again.
 */
export function claim({ home }: Readonly<Record<string, unknown>>): (() => void) | null {
  try {
    return claimHome(homeAt(String(home), {}));
  } catch {
    return null;
  }
}

/** Loads all that `takeOver` needs: most of the time that a takeover takes. */
export async function prepare(): Promise<void> {
  await import("./commands/supervisor.ts");
}

/** Rules until it is shut down, a signal stops it, or it turns out that another supervisor was faster. */
export async function takeOver(
  flags: Readonly<Record<string, unknown>>,
  inherited: Inheritance,
): Promise<void> {
  process.title = "holdfast supervisor";
  // The terminal it was started from may be gone.
  for (const output of [process.stdout, process.stderr]) output.on("error", () => {});
  const { supervisorCommand } = await import("./commands/supervisor.ts");
  process.exitCode = await supervisorCommand({ ...flags }, inherited);
}

/** Whether it could rule there, with all it needs for that loaded. Rejects with what keeps it from loading. */
export async function tryOut(terms: TrialTerms): Promise<TrialAnswer> {
  await prepare();
  const { unfitness } = await import("../supervisor/upgrade/fitness.ts");
  const { version } = await import("./version.ts");
  return { version: version(), node: process.versions.node, reason: unfitness(terms) };
}

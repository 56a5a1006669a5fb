/** Starts apps so that each comes after those it depends on are ready. */

import { HoldfastError } from "../errors.ts";
import type { AppRunner } from "./app-runner.ts";
import type { Apps } from "./apps.ts";

/**
 * Calls `start` for every name once, with the first of its dependencies that failed, or null. Names it depends
 * on that are not among `names` are not waited for; a circle, which a file may not have but several can, is cut.
 */
export function startInOrder<Outcome>(
  names: readonly string[],
  dependenciesOf: (name: string) => readonly string[],
  start: (name: string, failed: string | null) => Promise<Outcome>,
  hasFailed: (outcome: Outcome) => boolean,
): Promise<readonly Outcome[]> {
  const begun = new Map<string, Promise<Outcome>>();
  /** `chain`: those that wait for it, so that a circle is cut where it closes. */
  const begin = (name: string, chain: readonly string[]): Promise<Outcome> => {
    const known = begun.get(name);
    if (known) return known;
    const above = [...chain, name];
    const wanted = dependenciesOf(name).filter(
      (other) => names.includes(other) && !above.includes(other),
    );
    // At once, where nothing is to be waited for: a stop that is asked for next must find it begun.
    const outcome = wanted.length === 0 ? start(name, null) : after(name, wanted, above);
    begun.set(name, outcome);
    return outcome;
  };
  const after = async (
    name: string,
    wanted: readonly string[],
    above: readonly string[],
  ): Promise<Outcome> => {
    const before = await Promise.all(wanted.map((other) => begin(other, above)));
    const failed = wanted.find((_, index) => hasFailed(before[index] as Outcome)) ?? null;
    return start(name, failed);
  };
  return Promise.all(names.map((name) => begin(name, [])));
}

/**
 * Starts every app but those with `autostart: false`, which are in `toStart` until their turn has come. Rejects with
 * the first failure when all have been started, or could not be.
 */
export async function startAll(
  apps: Apps,
  toStart: Set<string>,
  start: (runner: AppRunner) => Promise<void>,
): Promise<void> {
  const own = apps.known().filter(({ options }) => options.autostart);
  for (const { options } of own) toStart.add(options.name);
  const failures = await startInOrder(
    own.map(({ options }) => options.name),
    (app) => apps.one({ app }).options.dependsOn,
    (app, dependency) => {
      const begin = (): Promise<void> => start(apps.one({ app }));
      return startInTurn(app, dependency, toStart.delete(app) ? begin : null);
    },
    (failure) => failure !== null,
  );
  const first = failures.find((failure) => failure !== null);
  if (first) throw first;
}

/**
 * Starts an app whose turn has come, unless one it depends on has failed or it is not wanted any more. Gives the
 * failure, null where there is none: the others are to go on.
 */
async function startInTurn(
  app: string,
  dependency: string | null,
  start: (() => Promise<void>) | null,
): Promise<unknown | null> {
  if (dependency !== null) return new HoldfastError("HF_DEPENDENCY_FAILED", { app, dependency });
  if (!start)
    return new HoldfastError("HF_NOT_RUNNING", { app, action: "start", status: "stopped" });
  return start().then(
    () => null,
    (error: unknown) => error,
  );
}

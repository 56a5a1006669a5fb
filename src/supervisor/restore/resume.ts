/** What should run when a background supervisor begins: what runs already goes on, and the rest is started. */

import { explained } from "../../errors.ts";
import type { Logger } from "../../logs/log.ts";
import type { Household } from "../household.ts";
import type { Supervisor } from "../supervisor.ts";

export interface ResumeSettings {
  readonly log: Logger;
  /** Starts also what was shut down by command. */
  readonly resume: boolean;
}

/**
 * Starts what should run, each app after those it depends on, and stops what should not: the supervisor before was
 * killed while it stopped it. Failures are logged. Resolves when nothing runs that should not.
 */
export async function resumeApps(household: Household, settings: ResumeSettings): Promise<void> {
  const { supervisor, registry } = household;
  const shouldRun = (name: string): boolean =>
    !registry.isStopped(name) && (settings.resume || !registry.isDormant(name));
  const isIn = (name: string, ...statuses: string[]): boolean =>
    statuses.includes(supervisor.statusOf(name).status);
  const names = registry.names();
  const wanted = names.filter(shouldRun);
  const ending = wanted.filter((name) => isIn(name, "stopping"));
  void start(
    household,
    settings,
    wanted.filter((name) => !ending.includes(name)),
  );
  for (const name of ending) {
    void stop(household, settings, name).then(() => start(household, settings, [name]));
  }
  for (const name of wanted.filter((each) => registry.isOnTrial(each))) {
    void judge(household, settings, name);
  }
  const unwanted = names.filter((name) => !shouldRun(name) && isIn(name, "running", "stopping"));
  await Promise.all(unwanted.map((name) => stop(household, settings, name)));
}

async function start(
  { supervisor, registry, operations }: Household,
  { log }: ResumeSettings,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  const isUp = (name: string): boolean => supervisor.statusOf(name).status === "running";
  const [up, down] = [names.filter(isUp), names.filter((name) => !isUp(name))];
  if (up.length > 0) log.info({ apps: up }, "going on with what runs");
  if (down.length > 0) log.info({ apps: down }, "starting what ran before");
  const outcomes = await operations.start(names);
  const unsaved = registry.note();
  if (unsaved) log.error({ code: unsaved.code, remedy: unsaved.remedy }, unsaved.message);
  for (const { app, error } of outcomes) if (error) log.error({ app, ...error }, error.message);
}

/** Its options were on trial when its supervisor was killed: they hold if the reload succeeds after all. */
async function judge(
  { supervisor, registry, operations }: Household,
  { log }: ResumeSettings,
  name: string,
): Promise<void> {
  const isUnderWay = supervisor.statusOf(name).reloading;
  const isGood = isUnderWay
    ? await endOfReload(supervisor, name)
    : (await operations.reload([name])).every(({ error }) => error === null);
  registry.settle(name, isGood);
  const unsaved = registry.note();
  if (unsaved) log.error({ code: unsaved.code, remedy: unsaved.remedy }, unsaved.message);
}

/** Resolves with whether it has succeeded. */
function endOfReload(supervisor: Supervisor, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ended = (isGood: boolean) => (event: { readonly app: string }) => {
      if (event.app !== name) return;
      supervisor.off("reload:done", done).off("reload:failed", failed).off("app:stopped", failed);
      resolve(isGood);
    };
    const [done, failed] = [ended(true), ended(false)];
    supervisor.on("reload:done", done).on("reload:failed", failed).on("app:stopped", failed);
  });
}

async function stop(
  { supervisor }: Household,
  { log }: ResumeSettings,
  name: string,
): Promise<void> {
  log.info({ app: name }, "stopping what should not run");
  await supervisor.stop({ app: name }).catch((error: unknown) => {
    const { code, message } = explained(error);
    log.error({ app: name, code }, message);
  });
}

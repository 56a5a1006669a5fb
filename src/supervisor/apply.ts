/** Makes what runs equal to what is written: the plan is pure (config/plan.ts), carrying it out stands here. */

import type { AppOptions } from "../config/app.ts";
import { describePlan, type PlanStep, planChanges } from "../config/plan.ts";
import { EXIT, HoldfastError } from "../errors.ts";
import type { Applied, Apply, Outcome } from "../link/control.ts";
import type { Household } from "./household.ts";
import type { Registry } from "./registry.ts";
import type { Supervisor } from "./supervisor.ts";

/** Faults of what is written, not of what was run. */
const CANNOT_RUN: readonly number[] = [EXIT.config, EXIT.permission];

/**
 * Carries the plan out app by app; with `dryRun` only tells it. Waits for what others apply to, or remove of,
 * these apps: each plan starts from what the one before has left. Rejects with HF_SHUTTING_DOWN.
 */
export async function applyApps(
  household: Household,
  wanted: readonly AppOptions[],
  asked: Apply,
): Promise<Applied> {
  const names = wanted.map(({ name }) => name);
  if (!asked.dryRun) return household.turns.after(names, () => carryOut(household, wanted, asked));
  const steps = planFor(household.registry, wanted, asked);
  return { plan: describePlan(steps), unchanged: kept(steps), outcomes: [] };
}

async function carryOut(
  household: Household,
  wanted: readonly AppOptions[],
  asked: Apply,
): Promise<Applied> {
  const { supervisor, registry, operations } = household;
  // It may have begun to end while others had their turn.
  if (household.isClosing()) throw new HoldfastError("HF_SHUTTING_DOWN", { pid: process.pid });
  const steps = planFor(registry, wanted, asked);
  const names = wanted.map(({ name }) => name);
  const isNew = new Set(names.filter((name) => !registry.has(name)));
  const ofType = (type: PlanStep["type"]): readonly PlanStep[] =>
    steps.filter((step) => step.type === type && (type === "remove" || isUp(household, step.app)));
  const renewed = [...ofType("reload"), ...(asked.reload ? ofType("keep") : [])];
  const resized = ofType("scale");
  for (const options of wanted) write(household, options, asked, renewed);
  registry.note();
  const toStart = names.filter(
    (name) => !isUp(household, name) && registry.options(name).autostart,
  );
  const outcomes = await Promise.all([
    operations.start(toStart),
    ...renewed.map((step) => renew(household, step)),
    ...resized.map(({ app, options }) => operations.scale(app, options?.instances ?? 1)),
    operations.remove(ofType("remove").map(({ app }) => app)),
  ]);
  const all = outcomes.flat();
  for (const name of names) {
    const failure = all.find(({ app, error }) => app === name && error !== null)?.error;
    const cannotRun = failure ? CANNOT_RUN.includes(failure.exitStatus) : false;
    // What cannot run at all was never there, and leaves what was there before as it was.
    if (!isNew.has(name)) registry.settle(name, !cannotRun);
    else if (cannotRun && isKnown(supervisor, name)) await registry.remove(name);
  }
  return { plan: describePlan(steps), unchanged: asked.reload ? [] : kept(steps), outcomes: all };
}

/** Only apps of the same file can be gone from it. */
function planFor(
  registry: Registry,
  wanted: readonly AppOptions[],
  { prune, configFile }: Apply,
): readonly PlanStep[] {
  const names = wanted.map(({ name }) => name);
  const known = registry.names().filter((name) => {
    const isOfFile = configFile !== null && registry.configFileOf(name) === configFile;
    return names.includes(name) || (prune && isOfFile);
  });
  return planChanges(
    known.map((name) => registry.options(name)),
    wanted,
    { prune },
  );
}

function kept(steps: readonly PlanStep[]): readonly string[] {
  return steps.flatMap(({ type, app }) => (type === "keep" ? [app] : []));
}

/**
 * What serves goes on as it is, on disk as well, until its reload has shown that the new options serve. An app
 * that does not run has nothing to lose: what was asked for last is what it starts with.
 */
function write(
  household: Household,
  options: AppOptions,
  { environment: given, updateEnv, configFile }: Apply,
  renewed: readonly PlanStep[],
): void {
  const { supervisor, registry } = household;
  const { name } = options;
  if (!registry.has(name)) return registry.add({ options, environment: given, configFile });
  const environment = updateEnv ? given : supervisor.configuration(name).environment;
  const written = { options, environment, configFile };
  if (renewed.some(({ app }) => app === name)) registry.tryOut(written, "earlier");
  else if (!isUp(household, name)) registry.tryOut(written, "new");
  else registry.configure(written);
}

/** What changed may be the number of workers as well: the new ones are of the new code then. */
async function renew(
  { operations, registry }: Household,
  { app, changes, options }: PlanStep,
): Promise<readonly Outcome[]> {
  const outcomes = await operations.reload([app]);
  const isDone = outcomes.every(({ error }) => error === null);
  // What did not come up is not what should run: the same file is a change again next time.
  registry.settle(app, isDone);
  registry.note();
  if (!isDone || !changes.some(({ path }) => path === "instances")) return outcomes;
  return [...outcomes, ...(await operations.scale(app, options?.instances ?? 1))];
}

function isUp({ supervisor }: Household, name: string): boolean {
  return supervisor.statusOf(name).status === "running";
}

function isKnown(supervisor: Supervisor, name: string): boolean {
  return supervisor.status().some((app) => app.name === name);
}

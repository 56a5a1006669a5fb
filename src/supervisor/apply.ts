/** Makes what runs equal to what is written: the plan is pure (config/plan.ts), carrying it out stands here. */

import type { AppOptions } from "../config/app.ts";
import { describePlan, type PlanStep, planChanges } from "../config/plan.ts";
import { EXIT } from "../errors.ts";
import type { Applied, Apply, Outcome } from "../link/control.ts";
import type { Operations } from "./operations.ts";
import type { Registry } from "./registry.ts";
import type { Environment, Supervisor } from "./supervisor.ts";

/** Faults of what is written, not of what was run. */
const CANNOT_RUN: readonly number[] = [EXIT.config, EXIT.permission];

export interface Household {
  readonly supervisor: Supervisor;
  readonly registry: Registry;
  readonly operations: Operations;
}

/** Carries the plan out app by app; with `dryRun` only tells it. */
export async function applyApps(
  { supervisor, registry, operations }: Household,
  wanted: readonly AppOptions[],
  asked: Apply,
): Promise<Applied> {
  const steps = planFor(registry, wanted, asked);
  const unchanged = steps.flatMap(({ type, app }) => (type === "keep" ? [app] : []));
  const plan = describePlan(steps);
  if (asked.dryRun) return { plan, unchanged, outcomes: [] };
  const names = wanted.map(({ name }) => name);
  const before = new Map(
    names.flatMap((name) => (registry.has(name) ? [[name, supervisor.configuration(name)]] : [])),
  );
  for (const options of wanted) write({ supervisor, registry }, options, asked);
  const removed = steps.flatMap(({ type, app }) => (type === "remove" ? [app] : []));
  const byType = (type: PlanStep["type"]): readonly string[] =>
    steps.flatMap((step) => (step.type === type && isUp(supervisor, step.app) ? [step.app] : []));
  const toStart = names.filter((name) => !isUp(supervisor, name) && startsByItself(registry, name));
  const reloads = [...byType("reload"), ...(asked.reload ? byType("keep") : [])];
  const outcomes = await Promise.all([
    operations.start(toStart),
    reloadAndScale({ operations }, reloads, steps),
    Promise.all(byType("scale").map((name) => scaleTo({ operations }, name, wanted))),
    operations.remove(removed),
  ]);
  const all = outcomes.flat(2);
  for (const { app, error } of all) {
    const earlier = before.get(app);
    // What did not come up is not what should run: the same file is a change again next time.
    if (error?.code === "HF_RELOAD_FAILED" && earlier)
      registry.configure(earlier.options, earlier.environment, registry.configFileOf(app));
    // What cannot run at all was never there.
    if (error && !earlier && CANNOT_RUN.includes(error.exitStatus)) await registry.remove(app);
  }
  return { plan, unchanged: asked.reload ? [] : unchanged, outcomes: all };
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

function write(
  { supervisor, registry }: Pick<Household, "supervisor" | "registry">,
  options: AppOptions,
  { environment, updateEnv, configFile }: Apply,
): void {
  if (!registry.has(options.name)) return registry.add(options, environment, configFile);
  const kept: Environment = supervisor.configuration(options.name).environment;
  registry.configure(options, updateEnv ? environment : kept, configFile);
}

/** What changed may be the number of workers as well: the new ones are of the new code then. */
async function reloadAndScale(
  { operations }: Pick<Household, "operations">,
  names: readonly string[],
  steps: readonly PlanStep[],
): Promise<readonly Outcome[]> {
  const outcomes = await operations.reload(names);
  const resized = steps.filter(({ app, changes }) => {
    const isDone = outcomes.some((outcome) => outcome.app === app && outcome.error === null);
    return isDone && changes.some(({ path }) => path === "instances");
  });
  const scaled = resized.map(({ app, options }) => operations.scale(app, options?.instances ?? 1));
  return [...outcomes, ...(await Promise.all(scaled)).flat()];
}

function scaleTo(
  { operations }: Pick<Household, "operations">,
  name: string,
  wanted: readonly AppOptions[],
): Promise<readonly Outcome[]> {
  const instances = wanted.find((options) => options.name === name)?.instances ?? 1;
  return operations.scale(name, instances);
}

function isUp(supervisor: Supervisor, name: string): boolean {
  return supervisor.statusOf(name).status === "running";
}

function startsByItself(registry: Registry, name: string): boolean {
  return registry.options(name).autostart;
}

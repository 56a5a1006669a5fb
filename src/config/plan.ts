/** What must happen so that the apps that run are the apps that are wanted. Pure. */

import type { AppOptions } from "./app.ts";
import { OPTIONS, type Option } from "./options.ts";

export type StepType = "start" | "reload" | "scale" | "update" | "remove" | "keep";

/** One difference, for people. Of environment variables the value is never told: "set", or null for "not there". */
export interface Change {
  /** An option's key, or `env.` and a variable's name. */
  readonly path: string;
  readonly from: string | null;
  readonly to: string | null;
}

export interface PlanStep {
  /**
   * `start` and `remove`: it is new or gone. `reload`: workers must be replaced (the changes may include
   * `instances`, too). `scale`: only their number changes, apart from what holds at once. `update`: all
   * changes hold at once. `keep`: there are none.
   */
  readonly type: StepType;
  readonly app: string;
  readonly changes: readonly Change[];
  /** What the app is to have from now on; null where it is removed. */
  readonly options: AppOptions | null;
}

export interface PlanScope {
  /** Remove what runs and is not wanted. */
  readonly prune: boolean;
  /** Look at these apps only. Default: all. */
  readonly only?: readonly string[] | undefined;
}

/** One step for each app, in the order of `wanted`; what is removed comes last. */
export function planChanges(
  running: readonly AppOptions[],
  wanted: readonly AppOptions[],
  { prune, only }: PlanScope,
): readonly PlanStep[] {
  const inScope = ({ name }: AppOptions): boolean => only === undefined || only.includes(name);
  const before = new Map(running.map((app) => [app.name, app]));
  const names = new Set(wanted.map(({ name }) => name));
  const steps = wanted.filter(inScope).map((app) => stepFor(before.get(app.name), app));
  const gone = prune ? running.filter((app) => inScope(app) && !names.has(app.name)) : [];
  return [
    ...steps,
    ...gone.map(({ name }) => ({ type: "remove", app: name, changes: [], options: null }) as const),
  ];
}

/** A line for each change; none for an app that is kept as it is. */
export function describePlan(plan: readonly PlanStep[]): readonly string[] {
  return plan.flatMap(({ type, app, changes, options }) => {
    if (type === "start") {
      return [`${app}: start, instances ${shown(OPTIONS.instances, options?.instances)}`];
    }
    if (type === "remove") return [`${app}: remove`];
    return changes.map((change) => `${app}: ${sentence(change)}`);
  });
}

function stepFor(from: AppOptions | undefined, to: AppOptions): PlanStep {
  if (from === undefined) return { type: "start", app: to.name, changes: [], options: to };
  const differing = Object.entries<Option<unknown>>(OPTIONS).filter(
    ([field]) => !same(from[field as keyof AppOptions], to[field as keyof AppOptions]),
  );
  const kinds = differing.map(([, { change }]) => change);
  const type = (["reload", "scale", "update"] as const).find((each) => kinds.includes(each));
  const changes = differing.flatMap(([field, option]) =>
    field === "env" ? variableChanges(from.env, to.env) : [changeOf(field, option, from, to)],
  );
  return { type: type ?? "keep", app: to.name, changes, options: to };
}

function changeOf(
  field: string,
  option: Option<unknown>,
  from: AppOptions,
  to: AppOptions,
): Change {
  const key = field as keyof AppOptions;
  return { path: option.name, from: shown(option, from[key]), to: shown(option, to[key]) };
}

type Variables = AppOptions["env"];

function variableChanges(from: Variables, to: Variables): readonly Change[] {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  const state = (variables: Variables, name: string): string | null =>
    Object.hasOwn(variables, name) ? "set" : null;
  return names
    .filter((name) => state(from, name) !== state(to, name) || from[name] !== to[name])
    .map((name) => ({ path: `env.${name}`, from: state(from, name), to: state(to, name) }));
}

/** Whether two values of one option are equal; the order of an object's keys says nothing. */
function same(left: unknown, right: unknown): boolean {
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) {
    return Object.is(left, right);
  }
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every(
      (key) =>
        Object.hasOwn(right, key) &&
        same((left as Record<string, unknown>)[key], (right as Record<string, unknown>)[key]),
    )
  );
}

const LONGEST = 60;

function shown<T>(option: Option<T>, value: unknown): string {
  const text = option.kind.show(value as T);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}

function sentence({ path, from, to }: Change): string {
  if (!path.startsWith("env.")) return `${path} ${from} -> ${to}`;
  const did = from === null ? "added" : to === null ? "removed" : "changed";
  return `env ${path.slice("env.".length)} ${did}`;
}

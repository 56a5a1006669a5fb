/** What each verb of the control protocol does. Requests come from outside: nothing about them is believed. */

import type { AppOptions, Instances } from "../config/app.ts";
import { instancesKind } from "../config/instances.ts";
import { parseConfig } from "../config/parse.ts";
import { HoldfastError } from "../errors.ts";
import type { Apply, Outcome, Verb, Verbs } from "../link/control.ts";
import { applyApps, type Household } from "./apply.ts";
import { forward, told } from "./control-events.ts";
import type { Request } from "./control-server.ts";
import { selected, wholeApps } from "./control-targets.ts";
import type { Overviews } from "./overview.ts";

export interface ControlContext extends Household {
  readonly overviews: Overviews;
  readonly version: string;
  readonly stateFile: string;
  /** Ends this process once the answer is sent. */
  leave(): void;
}

type Handler<V extends Verb> = (
  context: ControlContext,
  takes: Partial<Verbs[V]["takes"]>,
  request: Request,
) => Promise<Verbs[V]["gives"]>;

const HANDLERS: { readonly [V in Verb]: Handler<V> } = {
  overview: async ({ overviews }) => overviews.now(),
  apply: (context, takes, request) => apply(context, takes, request),
  start: (context, takes, request) =>
    changing(context, takes, request, (names) => context.operations.start(names)),
  stop: (context, takes, request) =>
    changing(context, takes, request, (names) => context.operations.stop(names)),
  reload: (context, takes, request) =>
    changing(context, takes, request, (names) => context.operations.reload(names)),
  delete: (context, takes, request) =>
    changing(context, takes, request, (names) => context.operations.remove(names)),
  restart: (context, takes, request) => restart(context, takes, request),
  scale: (context, takes, request) => scale(context, takes, request),
  signal: signalWorkers,
  wait: waitFor,
  env: async ({ supervisor, registry }, takes) => {
    const entries = wholeApps({ registry, supervisor }, takes.targets).map((name) => {
      const { options, environment } = supervisor.configuration(name);
      return [name, { ...environment, ...options.env }] as const;
    });
    return { apps: Object.fromEntries(entries) };
  },
  events: watch,
  save: async ({ registry, stateFile }) => {
    registry.save();
    return { file: stateFile, apps: registry.names().length };
  },
  resurrect: async (context, _takes, request) => {
    const { registry, operations } = context;
    const names = registry.names().filter((name) => !registry.isStopped(name));
    for (const name of names) registry.setStopped(name, false);
    registry.save();
    return told(context.supervisor, names, request, async () => ({
      outcomes: await operations.start(names),
    }));
  },
  shutdown: async ({ registry, supervisor, leave }) => {
    const stopped = supervisor
      .status()
      .flatMap(({ name, status }) => (status === "running" ? [name] : []));
    // A state that cannot be written must not keep it from ending: it starts again what ran, at worst.
    const unsaved = unwritable(registry);
    await supervisor.stop();
    leave();
    if (unsaved) throw unsaved;
    return { stopped };
  },
};

/** Writes down that nothing is to start by itself; the error where that cannot be written. */
function unwritable(registry: Household["registry"]): unknown | null {
  try {
    registry.setShutDown();
    registry.save();
    return null;
  } catch (error) {
    return error;
  }
}

/** Answers one request. Rejects with a HoldfastError; HF_UNKNOWN_VERB for what a newer client may ask. */
export async function answerControl(context: ControlContext, request: Request): Promise<unknown> {
  const { verb, takes } = request;
  if (!Object.hasOwn(HANDLERS, verb)) {
    throw new HoldfastError("HF_UNKNOWN_VERB", { verb, version: context.version });
  }
  const handler = HANDLERS[verb as Verb] as Handler<Verb>;
  return handler(context, (takes ?? {}) as never, request);
}

async function apply(
  context: ControlContext,
  takes: Partial<Apply>,
  request: Request,
): Promise<Verbs["apply"]["gives"]> {
  const asked: Apply = {
    apps: Array.isArray(takes.apps) ? takes.apps : [],
    configFile: typeof takes.configFile === "string" ? takes.configFile : null,
    environment: takes.environment ?? {},
    updateEnv: takes.updateEnv === true,
    prune: takes.prune === true,
    dryRun: takes.dryRun === true,
    reload: takes.reload === true,
  };
  const wanted = optionsIn(asked.apps.map(({ options }) => options));
  const names = wanted.map(({ name }) => name);
  return told(context.supervisor, names, request, async () => {
    const applied = await applyApps(context, wanted, asked);
    if (!asked.dryRun) context.registry.save();
    return applied;
  });
}

/** Read again here: the client may be of another version. */
function optionsIn(inputs: readonly unknown[]): readonly AppOptions[] {
  const parsed = parseConfig({ apps: inputs });
  if (!parsed.ok) throw new HoldfastError("HF_CONFIG_INVALID", { faults: parsed.faults });
  return parsed.value;
}

async function changing(
  context: ControlContext,
  { targets }: { targets?: readonly string[] },
  request: Request,
  act: (names: readonly string[]) => Promise<readonly Outcome[]>,
): Promise<{ outcomes: readonly Outcome[] }> {
  const names = wholeApps(context, targets);
  return told(context.supervisor, names, request, async () => {
    const outcomes = await act(names);
    context.registry.save();
    return { outcomes };
  });
}

async function restart(
  context: ControlContext,
  { targets }: { targets?: readonly string[] },
  request: Request,
): Promise<{ outcomes: readonly Outcome[] }> {
  const chosen = selected(context.supervisor, targets);
  const slots = new Map(chosen.map((target) => [target.app, target.slots]));
  return told(context.supervisor, [...slots.keys()], request, async () => {
    const outcomes = await context.operations.restart(slots);
    context.registry.save();
    return { outcomes };
  });
}

async function scale(
  context: ControlContext,
  takes: Partial<Verbs["scale"]["takes"]>,
  request: Request,
): Promise<{ outcomes: readonly Outcome[] }> {
  const names = wholeApps(context, [String(takes.app)]);
  const said = String(takes.instances);
  return told(context.supervisor, names, request, async () => {
    const outcomes: Outcome[] = [];
    for (const name of names) {
      const now = context.supervisor.statusOf(name).instances;
      outcomes.push(...(await context.operations.scale(name, instancesFrom(said, now))));
    }
    context.registry.save();
    return { outcomes };
  });
}

/** "4", "max" and "50%" as in the options; "+1" and "-1" count from what there is. */
function instancesFrom(said: string, now: number): Instances {
  const isRelative = /^[+-]\d+$/.test(said);
  const reading = instancesKind.read(isRelative ? Math.max(1, now + Number(said)) : said);
  if (reading.ok) return reading.value;
  const faults = reading.faults.map(({ message }) => ({ path: "instances", message }));
  throw new HoldfastError("HF_CONFIG_INVALID", { faults });
}

async function signalWorkers(
  { supervisor }: ControlContext,
  takes: Partial<Verbs["signal"]["takes"]>,
): Promise<Verbs["signal"]["gives"]> {
  const name = String(takes.signal).toUpperCase();
  const signal = (name.startsWith("SIG") ? name : `SIG${name}`) as NodeJS.Signals;
  const pids = selected(supervisor, takes.targets).flatMap(({ app, slots }) => {
    try {
      return supervisor.signal(app, slots, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_UNKNOWN_SIGNAL") throw error;
      throw new HoldfastError("HF_UNKNOWN_SIGNAL", { signal: name });
    }
  });
  return { pids };
}

async function waitFor(
  { supervisor, registry }: ControlContext,
  takes: Partial<Verbs["wait"]["takes"]>,
  { signal }: Request,
): Promise<Verbs["wait"]["gives"]> {
  const state = takes.for === "stopped" ? "stopped" : "ready";
  const names = wholeApps({ registry, supervisor }, takes.targets);
  await Promise.all(names.map((app) => supervisor.until(state, { app, signal })));
  return { apps: names };
}

async function watch(
  { supervisor }: ControlContext,
  { targets = [] }: { targets?: readonly string[] },
  request: Request,
): Promise<Record<never, never>> {
  const names = targets.length === 0 ? null : selected(supervisor, targets).map(({ app }) => app);
  const stop = forward(supervisor, names, request);
  await new Promise<void>((resolve) => {
    if (request.signal.aborted) resolve();
    request.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  stop();
  return {};
}

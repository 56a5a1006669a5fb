/** What each verb of the control protocol does. Requests come from outside: nothing about them is believed. */

import { HoldfastError } from "../errors.ts";
import type { Verb, Verbs } from "../link/control.ts";
import { changeAdmin, metricsText } from "./control-admin.ts";
import { apply, changing, recorded, restart, scale } from "./control-changes.ts";
import { forward, told } from "./control-events.ts";
import { changeHeir } from "./control-heir.ts";
import { changeRemote } from "./control-remote.ts";
import type { Request } from "./control-server.ts";
import { targetsIn, textIn } from "./control-takes.ts";
import { selected, wholeApps } from "./control-targets.ts";
import { type UpgradeContext, upgrade } from "./control-upgrade.ts";
import type { Household } from "./household.ts";
import type { Overviews } from "./overview.ts";

export interface ControlContext extends Household, UpgradeContext {
  readonly overviews: Overviews;
  readonly stateFile: string;
  /** Ends this process once the answer is sent. */
  leave(): void;
}

type Handler<V extends Verb> = (
  context: ControlContext,
  takes: Partial<Verbs[V]["takes"]>,
  request: Request,
) => Promise<Verbs[V]["gives"]>;

/** What begins something: a supervisor that ends would kill it with the rest. */
const BEGINNING: readonly string[] = [
  ...[
    "apply",
    "start",
    "restart",
    "reload",
    "scale",
    "resurrect",
    "admin",
    "remote",
    "bus",
    "heir",
    "upgrade",
  ],
];

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
    const entries = wholeApps({ registry, supervisor }, targetsIn(takes)).map((name) => {
      const { options, environment } = supervisor.configuration(name);
      return [name, { ...environment, ...options.env }] as const;
    });
    return { apps: Object.fromEntries(entries) };
  },
  events: watch,
  admin: (context, takes) => changeAdmin(context, takes),
  remote: (context, takes) => changeRemote(context, takes),
  heir: (context, takes) => changeHeir(context, takes),
  upgrade: (context, takes) => upgrade(context, takes),
  metrics: ({ supervisor }, takes) => metricsText(supervisor, takes),
  bus: async ({ supervisor }) => {
    const path = supervisor.bus.open();
    if (path !== null) return { path };
    throw new HoldfastError("HF_BUS_SOCKET", { reason: "the supervisor's log says why" });
  },
  save: async ({ registry, stateFile }) => {
    registry.save();
    return { file: stateFile, apps: registry.names().length };
  },
  resurrect: async (context, _takes, request) => {
    const { registry, operations } = context;
    const names = registry.names().filter((name) => !registry.isStopped(name));
    return told(context.supervisor, names, request, () =>
      recorded(registry, async () => ({ outcomes: await operations.start(names) })),
    );
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
  if (BEGINNING.includes(verb) && context.isClosing()) {
    throw new HoldfastError("HF_SHUTTING_DOWN", { pid: process.pid });
  }
  const handler = HANDLERS[verb as Verb] as Handler<Verb>;
  return handler(context, (takes ?? {}) as never, request);
}

async function signalWorkers(
  { supervisor }: ControlContext,
  takes: Partial<Verbs["signal"]["takes"]>,
): Promise<Verbs["signal"]["gives"]> {
  const name = textIn(takes, "signal").toUpperCase();
  const signal = (name.startsWith("SIG") ? name : `SIG${name}`) as NodeJS.Signals;
  const pids = selected(supervisor, targetsIn(takes)).flatMap(({ app, slots }) => {
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
  const names = wholeApps({ registry, supervisor }, targetsIn(takes));
  await Promise.all(names.map((app) => supervisor.until(state, { app, signal })));
  return { apps: names };
}

async function watch(
  { supervisor }: ControlContext,
  takes: Partial<Verbs["events"]["takes"]>,
  request: Request,
): Promise<Record<never, never>> {
  const targets = targetsIn(takes);
  const names = targets.length === 0 ? null : selected(supervisor, targets).map(({ app }) => app);
  const stop = forward(supervisor, names, request);
  await new Promise<void>((resolve) => {
    if (request.signal.aborted) resolve();
    request.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  stop();
  return {};
}

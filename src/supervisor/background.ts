/** The supervisor that outlives the terminal: it owns a home, answers on its socket, and remembers what should run. */

import type { AdminOptions } from "../config/admin.ts";
import type { AppOptions } from "../config/app.ts";
import type { BusOptions } from "../config/bus.ts";
import type { SlotOverview } from "../core/overview.ts";
import { HoldfastError } from "../errors.ts";
import type { Logger } from "../logs/log.ts";
import { startRotation } from "../logs/rotation.ts";
import { createLogStore, type LogStore, logPath } from "../logs/store.ts";
import { type Home, prepareHome } from "../system/home.ts";
import { Chronicle } from "./chronicle.ts";
import { answerControl, type ControlContext } from "./control-verbs.ts";
import type { SupervisorSettings } from "./create.ts";
import { serveHome } from "./home-keeper.ts";
import { claimHome } from "./home-lock.ts";
import { type Household, householdOf } from "./household.ts";
import { Overviews } from "./overview.ts";
import { sweepRunFolder } from "./peer-folder.ts";
import { Registry } from "./registry.ts";
import { loadState } from "./state-file.ts";
import { Supervisor } from "./supervisor.ts";

type SlotLogs = SlotOverview["logs"];

export interface BackgroundSettings {
  readonly home: Home;
  readonly version: string;
  readonly log: Logger;
  /** Starts also what was shut down by command. */
  readonly resume: boolean;
  /** How the admin server is reached, from now on; undefined: as before. */
  readonly admin?: AdminOptions | null | undefined;
}

export interface Background {
  readonly supervisor: Supervisor;
  readonly logs: LogStore;
  /** Resolves when a client has shut it down. */
  readonly left: Promise<void>;
  /** Stops every app and gives the home back. What should run stays written down. */
  close(): Promise<void>;
}

/**
 * Claims the home, restores what should run, and answers. Apps start meanwhile: their failures are
 * logged. Throws HF_HOME_UNUSABLE, HF_ALREADY_RUNNING, HF_STATE_NEWER.
 */
export async function openBackground(settings: BackgroundSettings): Promise<Background> {
  const { home, version, log, resume } = settings;
  const giveBack = takeHome(home);
  try {
    const state = loadState(home);
    for (const notice of state.notices) log.error(notice);
    const logs = createLogStore(home.logs);
    const rotation = startRotation(logs, { files: [home.supervisorLog] });
    const supervisor = new Supervisor([], settingsIn(home, logs));
    // Every client that waits listens to it.
    supervisor.setMaxListeners(0);
    const registry = new Registry(supervisor, home);
    registry.restore(state);
    await openAdmin(supervisor, registry, { asked: settings.admin, saved: state.admin }, log);
    await openRemote(supervisor, state.bus, log);
    const household = householdOf(supervisor, registry);
    const left = withResolvers();
    const chronicle = new Chronicle(supervisor);
    registry.onRemoved((app) => chronicle.forget(app));
    // What was recovered from an older file is whole again at once.
    if (state.notices.length > 0) registry.save();
    const context: ControlContext = {
      ...household,
      ...{ version, stateFile: home.stateFile },
      overviews: new Overviews(supervisor, chronicle, {
        home: home.directory,
        version,
        configFileOf: (app) => registry.configFileOf(app),
        logsOf: (app, slot) => logsOf(home.logs, registry.options(app), slot),
      }),
      leave: left.resolve,
    };
    const server = await serveHome(home, settings, (request) => answerControl(context, request));
    resumeApps(household, { log, resume });
    return {
      supervisor,
      logs,
      left: left.promise,
      async close() {
        await rotation.stop();
        await supervisor.stop();
        await server.close();
        giveBack();
      },
    };
  } catch (error) {
    giveBack();
    throw error;
  }
}

/** Claims the home, and removes what one that was killed has left in it; gives the function that gives it back. */
function takeHome(home: Home): () => void {
  prepareHome(home);
  const giveBack = claimHome(home);
  sweepRunFolder(home.run);
  return giveBack;
}

/** Asked for now, a fault of it is a fault of the command; remembered, it must not keep the apps from running. */
async function openAdmin(
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
  await admin.open();
  if (admin.address) log.info({ address: admin.address }, "admin server ready");
  if (admin.fault) log.error({ code: admin.fault.code }, admin.fault.message);
}

/** What is remembered must not keep the apps from running. */
async function openRemote(
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
  if (remote.address) log.info({ address: remote.address }, "the bus listens for other machines");
  if (remote.fault) log.error({ code: remote.fault.code }, remote.fault.message);
}

function logsOf(directory: string, target: AppOptions, slot: number): SlotLogs {
  return {
    out: logPath(directory, target, slot, "out"),
    err: logPath(directory, target, slot, "err"),
  };
}

function resumeApps(
  { registry, operations }: Household,
  { log, resume }: Pick<BackgroundSettings, "log" | "resume">,
): void {
  const shouldRun = (name: string): boolean =>
    !registry.isStopped(name) && (resume || !registry.isDormant(name));
  const names = registry.names().filter(shouldRun);
  if (names.length === 0) return;
  log.info({ apps: names }, "starting what ran before");
  void operations.start(names).then((outcomes) => {
    const unsaved = registry.note();
    if (unsaved) log.error({ code: unsaved.code, remedy: unsaved.remedy }, unsaved.message);
    for (const { app, error } of outcomes) if (error) log.error({ app, ...error }, error.message);
  });
}

function settingsIn(home: Home, logs: LogStore): SupervisorSettings {
  return { logs, runFolder: home.run, queueFolder: home.queues, priority: "raised" };
}

/** Promise.withResolvers is not in Node 20. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

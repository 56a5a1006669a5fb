/** The supervisor that outlives the terminal: it owns a home, answers on its socket, and remembers what should run. */

import type { AppOptions } from "../config/app.ts";
import type { SlotOverview } from "../core/overview.ts";
import type { Logger } from "../logs/log.ts";
import { startRotation } from "../logs/rotation.ts";
import { createLogStore, type LogStore, logPath } from "../logs/store.ts";
import { type Home, prepareHome } from "../system/home.ts";
import { Chronicle } from "./chronicle.ts";
import { serveControl } from "./control-server.ts";
import { answerControl, type ControlContext } from "./control-verbs.ts";
import { claimHome } from "./home-lock.ts";
import { Operations } from "./operations.ts";
import { Overviews } from "./overview.ts";
import { Registry } from "./registry.ts";
import { loadState } from "./state-file.ts";
import { Supervisor } from "./supervisor.ts";

type SlotLogs = SlotOverview["logs"];

export interface BackgroundSettings {
  readonly home: Home;
  readonly version: string;
  readonly log: Logger;
  /** Starts what should run even where the supervisor was shut down by command. */
  readonly resume: boolean;
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
  prepareHome(home);
  const giveBack = claimHome(home);
  try {
    const state = loadState(home);
    for (const notice of state.notices) log.error(notice);
    const logs = createLogStore(home.logs);
    const rotation = startRotation(logs);
    const supervisor = new Supervisor([], { logs });
    // Every client that waits listens to it.
    supervisor.setMaxListeners(0);
    const registry = new Registry(supervisor, home);
    registry.restore(state.apps);
    const operations = new Operations(supervisor, registry);
    const left = withResolvers();
    const chronicle = new Chronicle(supervisor);
    registry.onRemoved((app) => chronicle.forget(app));
    // What was recovered from an older file is whole again at once.
    if (state.notices.length > 0) registry.save();
    const context: ControlContext = {
      ...{ supervisor, registry, operations, version, stateFile: home.stateFile },
      overviews: new Overviews(supervisor, chronicle, {
        home: home.directory,
        version,
        configFileOf: (app) => registry.configFileOf(app),
        logsOf: (app, slot) => logsOf(home.logs, registry.options(app), slot),
      }),
      leave: left.resolve,
    };
    const server = await serveControl(home.socket, version, (request) =>
      answerControl(context, request),
    );
    if (resume || !state.isShutDown) resumeApps(registry, operations, log);
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

function logsOf(directory: string, target: AppOptions, slot: number): SlotLogs {
  return {
    out: logPath(directory, target, slot, "out"),
    err: logPath(directory, target, slot, "err"),
  };
}

function resumeApps(registry: Registry, operations: Operations, log: Logger): void {
  const names = registry.names().filter((name) => !registry.isStopped(name));
  if (names.length === 0) return;
  log.info({ apps: names }, "starting what ran before");
  void operations.start(names).then((outcomes) => {
    for (const { app, error } of outcomes) if (error) log.error({ app, ...error }, error.message);
  });
}

/** Promise.withResolvers is not in Node 20. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** The supervisor that outlives the terminal: it owns a home, answers on its socket, and remembers what should run. */

import type { AdminOptions } from "../config/admin.ts";
import type { AppOptions } from "../config/app.ts";
import type { SlotOverview } from "../core/overview.ts";
import { HoldfastError } from "../errors.ts";
import type { Logger } from "../logs/log.ts";
import { type RotationHandle, startRotation } from "../logs/rotation.ts";
import { createLogStore, type LogStore, logPath } from "../logs/store.ts";
import { type Home, prepareHome } from "../system/home.ts";
import { Chronicle } from "./chronicle.ts";
import { freshMarker } from "./continuity.ts";
import { answerControl, type ControlContext } from "./control-verbs.ts";
import type { SupervisorSettings } from "./create.ts";
import { configureAdmin, openRemote } from "./doors.ts";
import type { HeirTerms } from "./heir/heir.ts";
import type { HeldShards } from "./heir/held-shards.ts";
import { type HomeServer, serveHome } from "./home-keeper.ts";
import { claimHome } from "./home-lock.ts";
import { type Household, householdOf } from "./household.ts";
import { Overviews } from "./overview.ts";
import { Priority } from "./priority.ts";
import { Registry } from "./registry.ts";
import { continuityOf, goingOn, type Reopened, reopen, takeOver } from "./restore/reopen.ts";
import { resumeApps } from "./restore/resume.ts";
import { loadState } from "./state-file.ts";
import { Succession } from "./succession.ts";
import { Supervisor } from "./supervisor.ts";
import type { Candidate } from "./upgrade/candidate.ts";

export type { Candidate } from "./upgrade/candidate.ts";

type SlotLogs = SlotOverview["logs"];

export interface BackgroundSettings {
  readonly home: Home;
  readonly version: string;
  readonly log: Logger;
  /** Starts also what was shut down by command. */
  readonly resume: boolean;
  /** How the admin server is reached, from now on; undefined: as before. */
  readonly admin?: AdminOptions | null | undefined;
  /** Whether a process takes over when this one is killed; undefined: as before. */
  readonly heir?: boolean | undefined;
  /** What that process is given; without it there is none. */
  readonly heirTerms?: HeirTerms;
  /** Is shown the supervisor before anything happens in it. */
  readonly observe?: (supervisor: Supervisor) => void;
  /** Listening sockets of the supervisor before, whose heir this process was. */
  readonly inherited?: HeldShards | undefined;
  /** Gives the home back, where this process has claimed it already. */
  readonly claimed?: (() => void) | null;
}

export interface Background {
  readonly supervisor: Supervisor;
  readonly logs: LogStore;
  /** Resolves when a client has shut it down: with null, or with who is to follow. */
  readonly left: Promise<Candidate | null>;
  /** Stops every app and gives the home back. What should run stays written down. */
  close(): Promise<void>;
  /**
   * Leaves all that runs to a successor: takes no more questions, calls `announce`, and has no heir. This process is to
   * end as soon as it resolves.
   */
  stepDown(successor: Candidate, announce: () => Promise<void>): Promise<void>;
  /** Why nobody could go on with what runs if this process left it, half a sentence; null where somebody could. */
  bond(): string | null;
  /**
   * Leaves all that runs to whoever is started next, and has no heir. True: this process is to end at once. False:
   * `isCalledOff` meanwhile, and `close` is to follow.
   */
  leave(isCalledOff: () => boolean): Promise<boolean>;
}

/**
 * Claims the home, goes on with what runs, starts what should run, and answers. Apps start meanwhile: their
 * failures are logged. Throws HF_HOME_UNUSABLE, HF_ALREADY_RUNNING, HF_STATE_NEWER.
 */
export async function openBackground(settings: BackgroundSettings): Promise<Background> {
  const { home } = settings;
  const giveBack = settings.claimed ?? takeHome(home);
  try {
    return await begin(settings, giveBack);
  } catch (error) {
    giveBack();
    throw error;
  }
}

function takeHome(home: Home): () => void {
  prepareHome(home);
  return claimHome(home);
}

async function begin(settings: BackgroundSettings, giveBack: () => void): Promise<Background> {
  const { home, version, log } = settings;
  const state = loadState(home);
  for (const notice of state.notices) log.error(notice);
  const logs = createLogStore(home.logs);
  const reopened = await reopen(home, { version, log, marker: freshMarker() });
  const succession = successionOf(settings, state.heir, reopened.roster.supervisor.takeovers);
  const supervisor = new Supervisor(
    [],
    settingsIn(home, logs),
    {},
    {
      ...continuityOf(reopened),
      ...{ heir: succession, succession, observe: (apps) => succession.know(apps) },
    },
  );
  // Every client that waits listens to it.
  supervisor.setMaxListeners(0);
  settings.observe?.(supervisor);
  const registry = new Registry(supervisor, home);
  const apps = goingOn(reopened, state.apps);
  const chronicle = new Chronicle(supervisor);
  registry.onRemoved((app) => chronicle.forget(app));
  registry.restore(state, (name) => apps.some((app) => app.name === name));
  if (settings.heir !== undefined) registry.admit({ heir: settings.heir });
  await configureAdmin(supervisor, registry, { asked: settings.admin, saved: state.admin }, log);
  // What was recovered from an older file is whole again at once.
  if (state.notices.length > 0) registry.save();
  const rotation = startRotation(logs, { files: [home.supervisorLog] });
  takeOver(supervisor, reopened, apps, settings.inherited);
  await Promise.all([supervisor.admin.open(), openRemote(supervisor, state.bus, log)]);
  const household = householdOf(supervisor, registry);
  const left = withResolvers<Candidate | null>();
  const context = contextOf(settings, { household, chronicle, succession, left: left.resolve });
  const server = await serveHome(home, settings, (request) => answerControl(context, request));
  const isToEnd = settings.inherited !== undefined && registry.isShutDown();
  void resumeApps(household, settings).then(() => isToEnd && left.resolve(null));
  succession.start();
  supervisor.once("stopping", () => void succession.close());
  const parts = { supervisor, server, rotation, succession, giveBack, ...reopened };
  return { supervisor, logs, left: left.promise, ...endingsOf(parts) };
}

interface Parts extends Reopened {
  readonly supervisor: Supervisor;
  readonly server: HomeServer;
  readonly rotation: RotationHandle;
  readonly succession: Succession;
  giveBack(): void;
}

function endingsOf(parts: Parts): Pick<Background, "close" | "stepDown" | "bond" | "leave"> {
  const { supervisor, server, rotation, succession, roster, adoption, giveBack } = parts;
  return {
    async close() {
      await rotation.stop();
      await supervisor.stop();
      roster.close();
      await server.close();
      await Promise.all([succession.close(), adoption?.close()]);
      giveBack();
    },
    async stepDown(successor, announce) {
      await succession.allUp();
      await rotation.stop();
      const { pid: next, version } = successor;
      await server.close(new HoldfastError("HF_HANDED_OVER", { pid: process.pid, next, version }));
      await announce();
      // Where it has died meanwhile, the heir follows.
      if (successor.isAlive()) await succession.close();
      await succession.allUp();
      // The claim stays: it is that of the dead in a moment, and nobody else comes first.
      roster.leave();
    },
    bond() {
      if (process.pid === 1) return "all others end with process 1";
      if (!adoption) return "there is no socket for workers to come back to";
      if (!roster.isWhole()) return "what runs could not be written down";
      return succession.promise() ? null : "another one is to follow already";
    },
    async leave(isCalledOff) {
      await rotation.stop();
      await server.close();
      await succession.close();
      await succession.allUp();
      // A thread that is writing must not be ended in the midst of it.
      await supervisor.bus.end();
      await succession.allUp();
      if (isCalledOff()) return false;
      roster.leave();
      giveBack();
      return true;
    },
  };
}

function contextOf(
  { home, version }: BackgroundSettings,
  around: {
    readonly household: Household;
    readonly chronicle: Chronicle;
    readonly succession: Succession;
    left(successor: Candidate | null): void;
  },
): ControlContext {
  const { household, chronicle, succession, left } = around;
  const { supervisor, registry } = household;
  return {
    ...household,
    ...{ version, stateFile: home.stateFile, home: home.directory, succession },
    overviews: new Overviews(supervisor, chronicle, {
      ...{ home: home.directory, version, succession },
      configFileOf: (app) => registry.configFileOf(app),
      logsOf: (app, slot) => logsOf(home.logs, registry.options(app), slot),
    }),
    leave: () => left(null),
    stepDown: left,
  };
}

/** None also for the first process of a container: with it all others end. */
function successionOf(
  { heirTerms: terms, heir: asked, log }: BackgroundSettings,
  saved: boolean,
  takeovers: number,
): Succession {
  const isPossible = terms && process.pid !== 1;
  return new Succession({
    // Before this process is raised: the heir is started as it was.
    heir: isPossible ? { terms, log, priority: new Priority() } : null,
    wanted: asked ?? saved,
    takeovers,
  });
}

function logsOf(directory: string, target: AppOptions, slot: number): SlotLogs {
  return {
    out: logPath(directory, target, slot, "out"),
    err: logPath(directory, target, slot, "err"),
  };
}

function settingsIn(home: Home, logs: LogStore): SupervisorSettings {
  return { logs, runFolder: home.run, queueFolder: home.queues, priority: "raised" };
}

/** Promise.withResolvers is not in Node 20. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** `holdfast supervisor`: the background supervisor itself, in the foreground: for `start`, systemd and the curious. */

import { closeSync, fstatSync, statSync, writeSync } from "node:fs";
import { explained, isExplained } from "../../errors.ts";
import { type LogFile, openLogFile } from "../../logs/file.ts";
import { createLog, type Logger } from "../../logs/log.ts";
import { type Background, type Candidate, openBackground } from "../../supervisor/background.ts";
import { bideTime, type Inheritance, openAtLast } from "../../supervisor/heir/inheritance.ts";
import { type ServiceManager, serviceManager } from "../../system/systemd.ts";
import { adminAsked } from "../admin.ts";
import { homeOf } from "../connect.ts";
import { Departure } from "../departure.ts";
import { NEWS_DESCRIPTOR, type News } from "../launch-supervisor.ts";
import { narrate } from "../narrate.ts";
import { LEAVE_SIGNAL, obeySignals, STOP_SIGNALS } from "../signals.ts";
import { version } from "../version.ts";

/**
 * Runs until it is shut down or a signal stops it; resolves with the exit status. `inherited`: of the supervisor
 * that died, where this process was its heir.
 */
export async function supervisorCommand(
  flags: Record<string, unknown>,
  inherited?: Inheritance,
): Promise<number> {
  const own = openLog(flags);
  const { log } = own;
  // What started it waits for the first supervisor only.
  const tell = flags.detached === true && !inherited ? tellStarter : () => {};
  const service = serviceManager(process.env, (reason) => log.warn(reason));
  try {
    const background = await open(flags, { own, service, inherited });
    const { supervisor } = background;
    const home = homeOf(flags).directory;
    log.info({ pid: process.pid, home, version: version() }, "supervisor ready");
    if (inherited) tellTakeover(inherited, log);
    tell({ ready: true });
    // Whoever started it in the background is no service manager.
    if (flags.detached !== true) service.ready();
    const departure = new Departure(background, log);
    const stopped = obeySignals(supervisor, log, { reopen: own.reopen, leave: departure.begin });
    announceStop(service);
    inherited?.rule();
    const successor = await Promise.race([stopped, background.left, departure.begun]);
    if (successor === "nobody") await departure.end(stopped);
    else if (successor) return await stepDown(background, successor, service, log);
    service.stopping();
    await background.close();
    log.info("supervisor ended");
    return 0;
  } catch (error) {
    const what = explained(error);
    if (inherited && what.code === "HF_ALREADY_RUNNING") return giveWay(inherited, log);
    log.fatal({ code: what.code, remedy: what.remedy }, what.message);
    tell({ ready: false, error: what });
    if (isExplained(error)) return what.exitStatus;
    throw error;
  } finally {
    inherited?.closeRest();
    service.close();
  }
}

/** Workers serve on, and what ties them to this process must not keep it. */
async function stepDown(
  background: Background,
  successor: Candidate,
  service: ServiceManager,
  log: Logger,
): Promise<never> {
  const { pid, version: to } = successor;
  successor.reign();
  for (const signal of [...STOP_SIGNALS, LEAVE_SIGNAL]) {
    process.removeAllListeners(signal);
    process.on(signal, () => process.kill(pid, signal));
  }
  log.info(
    { successor: pid, from: version(), to },
    `upgrade from ${version()} to ${to}: stepping down`,
  );
  await background.stepDown(successor, () => service.succeededBy(pid));
  // To exit would end the queues' thread in the midst of SQLite, which aborts with words of its own.
  process.kill(process.pid, "SIGKILL");
  return new Promise<never>(() => {});
}

interface Reign {
  readonly own: OwnLog;
  readonly service: ServiceManager;
  readonly inherited: Inheritance | undefined;
}

async function open(
  flags: Record<string, unknown>,
  { own: { log, logFile }, service, inherited }: Reign,
): Promise<Background> {
  const home = homeOf(flags);
  const { logLevel, detached } = flags;
  const begin = (): Promise<Background> =>
    openBackground({
      ...{ home, version: version(), log, inherited, claimed: inherited?.takeClaim() ?? null },
      observe: (supervisor) => narrate(supervisor, log),
      // What is to run has been started by the supervisor before.
      resume: !inherited && (flags.resume === true || detached !== true),
      admin: adminAsked(flags, undefined),
      heir: typeof flags.heir === "boolean" ? flags.heir : undefined,
      heirTerms: {
        flags: { logLevel, detached, home: home.directory, logFile },
        ...{ variables: service.variables, logFile, shortReigns: inherited?.shortReigns ?? 0 },
      },
    });
  if (!inherited) return begin();
  await bideTime(inherited, log);
  return openAtLast(begin, inherited, log);
}

function tellTakeover({ died, shortReigns, upgradeFrom }: Inheritance, log: Logger): void {
  const tookMs = Math.round(performance.now() - died.at);
  if (upgradeFrom !== null) {
    const what = `upgraded from ${upgradeFrom} to ${version()}: pid ${died.pid} has stepped down`;
    return log.info({ before: died.pid, from: upgradeFrom, to: version(), tookMs }, what);
  }
  const what = `the supervisor (pid ${died.pid}) died, how is not known; its heir took over in ${tookMs} ms`;
  log.warn({ died: died.pid, tookMs, shortReigns }, what);
}

/** Somebody started another supervisor meanwhile: that one is as good. */
function giveWay({ died }: Inheritance, log: Logger): number {
  log.info({ died: died.pid }, "another supervisor has taken over; the heir of the dead one ends");
  return 0;
}

/** Draining takes a while, and systemd is to know from its beginning. */
function announceStop(service: ServiceManager): void {
  for (const signal of STOP_SIGNALS) process.once(signal, () => service.stopping());
}

interface OwnLog {
  readonly log: Logger;
  /** Starts a new file where the old one was moved away; false where that fails. */
  reopen(): boolean;
  /** Null: it goes to stdout. */
  readonly logFile: string | null;
}

/** Where stdout is the home's log file it is written by its path, so that it can be opened anew. */
function openLog(flags: Record<string, unknown>): OwnLog {
  const level = typeof flags.logLevel === "string" ? flags.logLevel : "info";
  const { supervisorLog } = homeOf(flags);
  const file = openHomeLog(supervisorLog, flags);
  if (file) {
    const log = createLog({ level, stream: file.stream, pretty: false, colour: false });
    return { log, reopen: file.reopen, logFile: supervisorLog };
  }
  const isTerminal = process.stdout.isTTY === true;
  const look = { pretty: isTerminal, colour: isTerminal };
  const log = createLog({ level, stream: process.stdout, ...look });
  return { log, reopen: () => true, logFile: null };
}

/** Null: it goes to stdout. The supervisor before may have opened the file anew: then stdout is the old one. */
function openHomeLog(path: string, { logFile }: Record<string, unknown>): LogFile | null {
  try {
    return logFile === path || isStdout(path) ? openLogFile(path) : null;
  } catch {
    // The home is gone, for one: what that means is told when it is claimed.
    return null;
  }
}

function isStdout(file: string): boolean {
  const stdout = fstatSync(1);
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && found.ino === stdout.ino && found.dev === stdout.dev;
}

/** Whoever started it in the background waits for one line. */
function tellStarter(news: News): void {
  try {
    if (!fstatSync(NEWS_DESCRIPTOR).isFIFO() && !fstatSync(NEWS_DESCRIPTOR).isSocket()) return;
    writeSync(NEWS_DESCRIPTOR, `${JSON.stringify(news)}\n`);
    closeSync(NEWS_DESCRIPTOR);
  } catch {
    // Nobody waits any more.
  }
}

/** `holdfast supervisor`: the background supervisor itself, in the foreground: for `start`, systemd and the curious. */

import { closeSync, fstatSync, statSync, writeSync } from "node:fs";
import { explained, isExplained } from "../../errors.ts";
import { openLogFile } from "../../logs/file.ts";
import { createLog, type Logger } from "../../logs/log.ts";
import { openBackground } from "../../supervisor/background.ts";
import { type ServiceManager, serviceManager } from "../../system/systemd.ts";
import { adminAsked } from "../admin.ts";
import { homeOf } from "../connect.ts";
import { NEWS_DESCRIPTOR, type News } from "../launch-supervisor.ts";
import { narrate } from "../narrate.ts";
import { obeySignals, STOP_SIGNALS } from "../signals.ts";
import { version } from "../version.ts";

/** Runs until it is shut down or a signal stops it; resolves with the exit status. */
export async function supervisorCommand(flags: Record<string, unknown>): Promise<number> {
  const { log, reopen } = openLog(flags);
  const tell = flags.detached === true ? tellStarter : () => {};
  const service = serviceManager(process.env, (reason) => log.warn(reason));
  try {
    const home = homeOf(flags);
    const resume = flags.resume === true || flags.detached !== true;
    const admin = adminAsked(flags, undefined);
    const background = await openBackground({ home, version: version(), log, resume, admin });
    const { supervisor } = background;
    narrate(supervisor, log);
    log.info({ pid: process.pid, home: home.directory, version: version() }, "supervisor ready");
    tell({ ready: true });
    // Whoever started it in the background is no service manager.
    if (flags.detached !== true) service.ready();
    const stopped = obeySignals(supervisor, log, reopen);
    announceStop(service);
    await Promise.race([stopped, background.left]);
    service.stopping();
    await background.close();
    log.info("supervisor ended");
    return 0;
  } catch (error) {
    const what = explained(error);
    log.fatal({ code: what.code, remedy: what.remedy }, what.message);
    tell({ ready: false, error: what });
    if (isExplained(error)) return what.exitStatus;
    throw error;
  } finally {
    service.close();
  }
}

/** Draining takes a while, and systemd is to know from its beginning. */
function announceStop(service: ServiceManager): void {
  for (const signal of STOP_SIGNALS) process.once(signal, () => service.stopping());
}

interface OwnLog {
  readonly log: Logger;
  /** Starts a new file where the old one was moved away; false where that fails. */
  reopen(): boolean;
}

/** Where stdout is the home's log file it is written by its path, so that it can be opened anew. */
function openLog(flags: Record<string, unknown>): OwnLog {
  const level = typeof flags.logLevel === "string" ? flags.logLevel : "info";
  const { supervisorLog } = homeOf(flags);
  if (isStdout(supervisorLog)) {
    const { stream, reopen } = openLogFile(supervisorLog);
    return { log: createLog({ level, stream, pretty: false, colour: false }), reopen };
  }
  const isTerminal = process.stdout.isTTY === true;
  const look = { pretty: isTerminal, colour: isTerminal };
  return { log: createLog({ level, stream: process.stdout, ...look }), reopen: () => true };
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

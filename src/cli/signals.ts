/** What signals mean to a foreground supervisor. */

import { closeSync, openSync } from "node:fs";
import { HoldfastError } from "../errors.ts";
import type { Logger } from "../logs/log.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

/** What ends a supervisor in order. */
export const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;

/**
 * SIGHUP reloads; SIGTERM, SIGINT and SIGQUIT drain and stop, the second hurries, the third kills;
 * SIGUSR2 reopens the log file. Resolves when the supervisor has been stopped.
 */
export function obeySignals(
  supervisor: Supervisor,
  log: Logger,
  reopen: () => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let stops = 0;
    const stop = (signal: string): void => {
      stops += 1;
      if (stops === 1) {
        log.info(
          { signal },
          "stopping: draining all workers; once more hurries, a third time kills",
        );
        supervisor.stop().then(resolve, reject);
      } else if (stops === 2) {
        log.warn({ signal }, "hurrying: open connections have one second left");
        supervisor.hurry();
      } else {
        log.warn({ signal }, "killing all workers");
        supervisor.kill();
      }
    };
    for (const signal of STOP_SIGNALS) process.on(signal, () => stop(signal));
    process.on("SIGHUP", () => {
      if (isTerminalGone()) stop("SIGHUP");
      else reload(supervisor, log);
    });
    process.on("SIGUSR2", () => {
      if (reopen()) log.info("log reopened");
      else log.error("the log file cannot be opened anew; the old one is written on");
    });
  });
}

/** The outcome of each app's reload is told by its events; what fails before there is one is told here. */
function reload(supervisor: Supervisor, log: Logger): void {
  for (const { name } of supervisor.status()) {
    supervisor.reload({ app: name }).catch((error: unknown) => {
      if (!(error instanceof HoldfastError)) throw error;
      log.error({ app: name, code: error.code, remedy: error.remedy }, error.message);
    });
  }
}

/** SIGHUP is also what the kernel sends when the terminal window is closed. */
function isTerminalGone(): boolean {
  if (!process.stdout.isTTY) return false;
  try {
    closeSync(openSync("/dev/tty", "r"));
    return false;
  } catch {
    return true;
  }
}

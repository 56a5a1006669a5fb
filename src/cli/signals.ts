/** What signals mean to a foreground supervisor. */

import { closeSync, openSync } from "node:fs";
import { HoldfastError } from "../errors.ts";
import type { Logger } from "../logs/log.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

/** What ends a supervisor in order. */
export const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;

/**
 * Ends a supervisor and leaves its workers to the next one. Not SIGUSR1: one that comes before there is a listener
 * opens Node's debugger, while this one ends the process, and workers outlive that as well.
 */
export const LEAVE_SIGNAL = "SIGALRM";

export interface Obedience {
  /** Opens the log anew; false where that fails. */
  reopen(): boolean;
  /** Leaves all workers to the next supervisor; gives why that cannot be, null where it is done now. */
  leave(): string | null;
}

/** Of one whose workers end with it. */
export const BOUND = "only a supervisor in the background has one that follows";

/**
 * SIGHUP reloads; SIGTERM, SIGINT and SIGQUIT drain and stop, the second hurries, the third kills;
 * SIGUSR2 reopens the log file; SIGALRM leaves the workers to the next supervisor, or is refused. Resolves when the
 * supervisor has been stopped.
 */
export function obeySignals(
  supervisor: Supervisor,
  log: Logger,
  { reopen, leave }: Obedience,
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
    process.on(LEAVE_SIGNAL, () => {
      const reason = stops > 0 ? "it is stopping already" : leave();
      if (reason === null) return;
      log.error({ signal: LEAVE_SIGNAL }, `the workers are not left to another one: ${reason}`);
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

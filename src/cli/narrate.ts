/** The supervisor's events as lines of its log, one grammar: what, then app, slot, generation, pid. */

import { isWanted } from "../core/worker.ts";
import type { Logger } from "../logs/log.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

export function narrate(supervisor: Supervisor, log: Logger): void {
  supervisor.on("worker:start", ({ worker, ...facts }) =>
    log.debug({ ...facts, worker }, "worker started"),
  );
  supervisor.on("worker:ready", ({ worker, ...facts }) =>
    log.info({ ...facts, worker }, "worker ready"),
  );
  supervisor.on("worker:drain", ({ worker, ...facts }) =>
    log.debug({ ...facts, worker }, "worker draining"),
  );
  supervisor.on("worker:exit", ({ worker, cause, lastOutput, ...facts }) => {
    if (isWanted(facts.reason)) log.info({ ...facts, worker }, "worker stopped");
    else log.error({ ...facts, worker, lastOutput }, cause);
  });
  supervisor.on("log:fault", ({ what, ...facts }) =>
    log.error(facts, `a log file is at fault; the app runs on: ${what}`),
  );
  const told = new Set<string>();
  supervisor.on("worker:fault", ({ worker, fault, ...facts }) => {
    // Once per worker and kind: a hostile worker must not write the log full.
    if (told.has(`${worker} ${fault}`)) return;
    told.add(`${worker} ${fault}`);
    log.warn({ ...facts, worker, fault }, `messages of this worker are dropped: ${fault}`);
  });
  supervisor.on("slot:waiting", ({ retryInMs, crashes, ...facts }) =>
    log.warn({ ...facts, retryInMs, crashes }, `restarting in ${retryInMs} ms`),
  );
  supervisor.on("slot:failed", ({ retryInMs, crashes, ...facts }) =>
    log.error(
      { ...facts, retryInMs, crashes },
      `the slot failed: it crashed ${crashes} times within the restart window; next try in ${retryInMs} ms`,
    ),
  );
  supervisor.on("slot:recovered", (facts) => log.info(facts, "the slot has recovered"));
  supervisor.on("slot:done", (facts) => log.info(facts, "the slot is done; nothing follows"));
  supervisor.on("reload:start", (facts) => log.info(facts, "reload started"));
  supervisor.on("reload:progress", (facts) =>
    log.info(facts, `reload: ${facts.renewed} of ${facts.of} slots replaced`),
  );
  supervisor.on("reload:done", (facts) => log.info(facts, "reload done"));
  supervisor.on("trigger:fired", ({ why, ...facts }) =>
    log.info(facts, facts.trigger === "memory" ? `worker replaced: ${why}` : `reload: ${why}`),
  );
  supervisor.on("trigger:fault", ({ fault, ...facts }) =>
    log.error(facts, `what is to be watched cannot be: ${fault}`),
  );
  supervisor.on("app:scaled", (facts) => log.info(facts, "scaled"));
  supervisor.on("app:stopped", (facts) => log.info(facts, "stopped"));
}

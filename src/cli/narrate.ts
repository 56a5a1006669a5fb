/** The supervisor's events as lines of its log, one grammar: what, then app, slot, generation, pid. */

import { isWanted } from "../core/worker.ts";
import { explained } from "../errors.ts";
import type { Logger } from "../logs/log.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

export function narrate(supervisor: Supervisor, log: Logger): void {
  narrateWorkers(supervisor, log);
  narrateApps(supervisor, log);
  narrateAdmin(supervisor, log);
}

function narrateWorkers(supervisor: Supervisor, log: Logger): void {
  supervisor.on("worker:start", ({ worker, ...facts }) =>
    log.debug({ ...facts, worker }, "worker started"),
  );
  supervisor.on("worker:ready", ({ worker, ...facts }) =>
    log.info({ ...facts, worker }, "worker ready"),
  );
  supervisor.on("worker:adopted", ({ worker, ...facts }) =>
    log.info({ ...facts, worker }, "worker adopted"),
  );
  supervisor.on("worker:drain", ({ worker, ...facts }) =>
    log.debug({ ...facts, worker }, "worker draining"),
  );
  supervisor.on("worker:exit", ({ worker, cause, lastOutput, stack, ...facts }) => {
    if (isWanted(facts.reason)) log.info({ ...facts, worker }, "worker stopped");
    else log.error({ ...facts, worker, lastOutput, ...(stack && { stack }) }, cause);
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
  supervisor.on("worker:hung", ({ worker, kind, silentMs, stack, replaced, ...facts }) =>
    log[replaced ? "error" : "warn"](
      { ...facts, worker, kind, silentMs, replaced, ...(stack && { stack }) },
      silenceText(kind, silentMs, replaced),
    ),
  );
  supervisor.on("worker:unhealthy", ({ worker, fault, ...facts }) =>
    log.warn({ ...facts, worker, fault }, `the health probe fails: ${fault}`),
  );
  supervisor.on("worker:recovered", ({ worker, from, ...facts }) =>
    log.info({ ...facts, worker, from }, "worker recovered"),
  );
}

function narrateAdmin(supervisor: Supervisor, log: Logger): void {
  supervisor.on("admin:listening", ({ address }) =>
    log.info({ address }, "admin server ready: /metrics, /healthz, /readyz"),
  );
  supervisor.on("bus:listening", ({ address }) =>
    log.info({ address }, "the bus listens for other machines"),
  );
  for (const fault of ["admin:fault", "bus:fault"] as const) {
    supervisor.on(fault, ({ error }) => {
      const { code, message, remedy } = explained(error);
      log.error({ code, remedy }, message);
    });
  }
}

function narrateApps(supervisor: Supervisor, log: Logger): void {
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
    facts.trigger === "memory-hard"
      ? log.error(facts, `worker killed: ${why}`)
      : log.info(facts, facts.worker === null ? `reload: ${why}` : `worker replaced: ${why}`),
  );
  supervisor.on("trigger:fault", ({ fault, ...facts }) =>
    log.error(facts, `what is to be watched cannot be: ${fault}`),
  );
  supervisor.on("app:autoscaled", ({ why, ...facts }) =>
    log.info(facts, `from ${facts.from} to ${facts.to} workers: ${why}`),
  );
  supervisor.on("app:autoscale-refused", ({ why, ...facts }) =>
    log.warn(facts, `still ${facts.size} workers, where ${facts.wanted} are wanted: ${why}`),
  );
  supervisor.on("app:scaled", (facts) => log.info(facts, "scaled"));
  supervisor.on("app:stopped", (facts) => log.info(facts, "stopped"));
}

const SILENCES = {
  hung: "its event loop stands still",
  stopped: "it is stopped (SIGSTOP)",
  swapped: "its memory is on disk, or its disk does not answer",
  starved: "it gets no CPU time",
  debugger: "a debugger holds it",
} as const;

function silenceText(kind: keyof typeof SILENCES, silentMs: number, replaced: boolean): string {
  const what = `worker silent for ${(silentMs / 1000).toFixed(1)} s: ${SILENCES[kind]}`;
  return `${what}; ${replaced ? "it is replaced, its successor first" : "it is left alone"}`;
}

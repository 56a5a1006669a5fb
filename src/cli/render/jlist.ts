/** `holdfast jlist`: the shape of `pm2 jlist`, for scripts that read it. One object for each slot. Pure. */

import type { AppOverview, Overview, SlotOverview, WorkerOverview } from "../../core/overview.ts";

/** PM2's words for what a slot's process does. */
const STATUS = {
  ready: "online",
  starting: "launching",
  waiting: "waiting restart",
  failed: "errored",
  done: "stopped",
  empty: "stopped",
} as const;

export interface JlistContext {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Of the package an app belongs to, null where it has none. */
  versionOf(app: AppOverview): string | null;
}

/**
 * `pm_id` is the slot's number: it stays while the app and the supervisor are there. The environment is left
 * out: it holds secrets.
 */
export function renderJlist({ apps, supervisor }: Overview, context: JlistContext): string {
  const shown = apps.flatMap((app) => {
    const version = context.versionOf(app) ?? "N/A";
    return app.slots.map((slot) => entry({ app, slot, supervisor, version, now: context.now }));
  });
  return `${JSON.stringify(shown)}\n`;
}

interface Facts {
  readonly app: AppOverview;
  readonly slot: SlotOverview;
  readonly supervisor: Overview["supervisor"];
  readonly version: string;
  readonly now: number;
}

function entry(facts: Facts): unknown {
  const { app, slot } = facts;
  const worker = workerOf(app, slot.slot);
  return {
    pid: worker?.pid ?? 0,
    name: app.name,
    pm_id: slot.number,
    monit: { memory: worker?.memoryBytes ?? 0, cpu: worker?.cpuPercent ?? 0 },
    pm2_env: environmentOf(facts, worker),
  };
}

function environmentOf(facts: Facts, worker: WorkerOverview | undefined): unknown {
  const { app, slot, supervisor, version, now } = facts;
  return {
    name: app.name,
    namespace: app.namespace,
    version,
    pm_id: slot.number,
    status: statusOf(app, slot),
    ...processOf(app),
    instances: app.instances,
    NODE_APP_INSTANCE: slot.slot,
    env: {},
    pm_out_log_path: slot.logs.out,
    pm_err_log_path: slot.logs.err,
    pm_uptime: worker ? now - worker.ageMs : app.since,
    created_at: app.since,
    restart_time: slot.restarts,
    unstable_restarts: slot.crashes,
    username: supervisor.user,
    ...ABSENT,
  };
}

function processOf(app: AppOverview): object {
  return {
    exec_mode: `${app.execMode}_mode`,
    exec_interpreter: app.interpreter,
    node_version: app.nodeVersion,
    node_args: app.nodeArgs,
    pm_exec_path: app.file ?? app.script,
    pm_cwd: app.cwd,
    args: app.args,
    autorestart: app.autorestart,
    autostart: app.autostart,
    watch: app.watch ?? false,
    kill_timeout: app.drainTimeoutMs,
    treekill: true,
    shutdown_with_message: app.shutdownMessage,
    ...(app.cron === null ? {} : { cron_restart: app.cron }),
    ...(app.maxMemoryBytes === null ? {} : { max_memory_restart: app.maxMemoryBytes }),
  };
}

/** PM2's own instruments: what reads them finds that there are none. */
const ABSENT = {
  ...{ vizion: false, pmx: false, automation: false, km_link: false },
  ...{ axm_actions: [], axm_monitor: {}, axm_options: {}, axm_dynamic: {} },
};

function statusOf({ status }: AppOverview, { state }: SlotOverview): string {
  if (status === "running") return STATUS[state];
  return status === "stopping" ? "stopping" : "stopped";
}

/** The one that serves, where two overlap in a reload. */
function workerOf({ workers }: AppOverview, slot: number): WorkerOverview | undefined {
  const there = workers.filter((worker) => worker.slot === slot);
  return there.find(({ phase }) => phase === "ready") ?? there[0];
}

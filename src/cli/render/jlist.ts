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

/**
 * Slots are numbered over all apps in their order: `pm_id` stays the same while no app is added, removed or
 * scaled. The environment is left out: it holds secrets. `now` in milliseconds since 1970.
 */
export function renderJlist({ apps, supervisor }: Overview, now: number = Date.now()): string {
  const slots = apps.flatMap((app) => app.slots.map((slot) => ({ app, slot })));
  const shown = slots.map(({ app, slot }, id) => entry({ app, slot, id, supervisor, now }));
  return `${JSON.stringify(shown)}\n`;
}

interface Facts {
  readonly app: AppOverview;
  readonly slot: SlotOverview;
  readonly id: number;
  readonly supervisor: Overview["supervisor"];
  readonly now: number;
}

function entry(facts: Facts): unknown {
  const { app, slot, id } = facts;
  const worker = workerOf(app, slot.slot);
  return {
    pid: worker?.pid ?? 0,
    name: app.name,
    pm_id: id,
    monit: { memory: worker?.memoryBytes ?? 0, cpu: worker?.cpuPercent ?? 0 },
    pm2_env: environmentOf(facts, worker),
  };
}

function environmentOf(
  { app, slot, id, supervisor, now }: Facts,
  worker: WorkerOverview | undefined,
): unknown {
  const startedAt = worker ? now - worker.ageMs : app.since;
  return {
    name: app.name,
    namespace: app.namespace,
    node_version: supervisor.node,
    pm_id: id,
    status: statusOf(app, slot),
    exec_mode: "cluster_mode",
    instances: app.instances,
    NODE_APP_INSTANCE: slot.slot,
    pm_exec_path: app.file ?? app.script,
    pm_cwd: app.cwd,
    args: app.args,
    env: {},
    pm_out_log_path: slot.logs.out,
    pm_err_log_path: slot.logs.err,
    pm_uptime: startedAt,
    created_at: startedAt,
    restart_time: slot.restarts,
    unstable_restarts: slot.crashes,
    username: supervisor.user,
    axm_actions: [],
    axm_monitor: {},
    axm_options: {},
    axm_dynamic: {},
  };
}

function statusOf({ status }: AppOverview, { state }: SlotOverview): string {
  if (status === "running") return STATUS[state];
  return status === "stopping" ? "stopping" : "stopped";
}

/** The one that serves, where two overlap in a reload. */
function workerOf({ workers }: AppOverview, slot: number): WorkerOverview | undefined {
  const there = workers.filter((worker) => worker.slot === slot);
  return there.find(({ phase }) => phase === "ready") ?? there[0];
}

/** What is written down of a running app. */

import type { AppRunner } from "../app-runner.ts";
import type { RunningWorker } from "../running-worker.ts";
import type { AppRecord, WorkerRecord } from "./records.ts";
import type { Roster } from "./roster.ts";

/** What workers come to the bus with. */
interface Tokens {
  tokenOf(worker: number): string | null;
  pathOf(worker: number): string | null;
}

/** Written down as it is now, or no longer where nothing of it runs. */
export function noteApp(roster: Roster, runner: AppRunner): void {
  const { status, workers } = runner.app;
  const isOver = (status === "stopped" || status === "idle") && workers.length === 0;
  if (isOver) roster.forget(runner.options.name);
  else roster.write(runner.record());
}

export function recordOf(runner: AppRunner, bus: Tokens): AppRecord {
  return {
    name: runner.options.name,
    app: runner.app,
    hasServed: runner.hasServed,
    launches: [...runner.launches],
    workers: [...runner.workers].flatMap(([id, running]) => workerOf(runner, bus, id, running)),
    listeners: runner.listeners.record(),
  };
}

/** None where there is no process, or none that the next supervisor could speak to. */
function workerOf(
  { options, peers, listeners }: AppRunner,
  bus: Tokens,
  worker: number,
  { process: { pid }, token, startTicks, hasListened, socket }: RunningWorker,
): readonly WorkerRecord[] {
  if (pid === null || token === null) return [];
  return [
    {
      identity: { app: options.name, worker, pid, startTicks, token },
      ...{ busToken: bus.tokenOf(worker), busPath: bus.pathOf(worker) },
      ...(socket === null ? {} : { socket }),
      sticky: peers.record(worker),
      hasListened: hasListened || listeners.isOpenBy(worker, null),
    },
  ];
}

/** Takes an app up whose supervisor is gone: its workers serve on as they are, and are this supervisor's from now on. */

import { acceptors } from "../../core/effects.ts";
import { isHolding } from "../../core/worker.ts";
import type { AdoptionHello } from "../../link/adoption.ts";
import type { Adoption } from "../adoption/adoption.ts";
import type { AppRunner } from "../app-runner.ts";
import type { HeldShards } from "../heir/held-shards.ts";
import type { AppRecord, WorkerRecord } from "../roster/records.ts";
import type { RunnerContext } from "../runner-context.ts";
import { RunningWorker } from "../running-worker.ts";
import { listenerOf } from "../worker-start.ts";

type Around = Pick<RunnerContext, "outlets" | "bus">;

/** What is had of the supervisor before. */
export interface Estate {
  readonly adoption: Adoption;
  /** Its listening sockets; null: workers give them back. */
  readonly held: HeldShards | null;
}

/** The runner has the state of `record` already. */
export function takeUp(
  runner: AppRunner,
  record: AppRecord,
  around: Around,
  { adoption, held }: Estate,
): void {
  const { name, launches, workers, listeners } = record;
  for (const [generation, launch] of launches) runner.launches.set(generation, launch);
  const { restored } = runner.listeners;
  for (const worker of workers) adopt(runner, worker, around, adoption);
  for (const listener of listeners) {
    const { key } = listener.request;
    // One that died with its supervisor does not keep an address open.
    const openBy = listener.openBy.filter((id) => runner.workers.has(id));
    restored.add({ ...listener, openBy }, (shard) => held?.take(name, key, shard) ?? null);
  }
  runner.gatekeeper.accept(acceptors(runner.app));
  runner.listeners.accept(acceptors(runner.app));
  restored.begin();
  const never = runner.app.workers.filter(({ id }) => !runner.workers.has(id));
  for (const { id } of never) vanish(runner, id);
}

function adopt(
  runner: AppRunner,
  { identity, busToken, busPath, socket, sticky, hasListened }: WorkerRecord,
  around: Around,
  adoption: Adoption,
): void {
  const id = identity.worker;
  const worker = runner.worker(id);
  if (!worker) return;
  const { slot, generation, phase, leaving } = worker;
  const heard = listenerOf(runner, id, around.bus);
  const owner = runner.launches.get(generation) ?? { uid: null, gid: null };
  if (socket !== undefined) adoption.reopen(socket, owner);
  let isAdopted = false;
  const process = adoption.adopt(identity, {
    ...heard,
    ended() {
      runner.listeners.restored.gone(id);
      heard.ended();
    },
    exited(code, signal) {
      const isOnTheWay = !isAdopted && runner.worker(id)?.phase === "starting";
      if (isOnTheWay) vanish(runner, id);
      else heard.exited(code, signal);
    },
    linked(hello) {
      linked(runner, id, hello);
      const found = runner.worker(id);
      if (found && !isAdopted) runner.reporter.adopted(found);
      isAdopted = true;
    },
  });
  const outlet = around.outlets(runner.options, slot);
  const { token, startTicks } = identity;
  const running = new RunningWorker(process, outlet.started(process), token, startTicks);
  running.hasListened = hasListened;
  running.socket = socket ?? null;
  runner.workers.set(id, running);
  // Whose app has closed its channel never says anything again.
  if (leaving !== "disconnected") runner.listeners.restored.expect(id);
  if (sticky) runner.peers.restore(id, sticky);
  const member = { app: identity.app, slot, worker: id, generation };
  if (busToken !== null && phase !== "killing" && phase !== "exited") {
    around.bus.restore(member, owner, { token: busToken, path: busPath ?? null, state: phase });
  }
  // Its supervisor may have died before it could.
  if (phase === "killing") running.kill();
}

/** It is there, and what it says holds. What was on its way when its supervisor died is said again. */
function linked(runner: AppRunner, id: number, { listening }: AdoptionHello): void {
  const worker = runner.worker(id);
  const running = runner.workers.get(id);
  if (!worker || !running) return;
  runner.listeners.restored.linked(id, listening, !isHolding(worker));
  runner.peers.heard(id);
  runner.health.met(id);
  if (worker.active) running.process.send({ t: "activate" });
  if (worker.phase === "draining") {
    const timeoutMs = Math.max(0, Math.round(worker.deadline - performance.now()));
    running.process.send({ t: "drain", timeoutMs, reason: worker.leaving });
  }
  if (!isHolding(worker)) return;
  runner.gatekeeper.introduce(id);
  if (listening.some(({ isListening }) => isListening)) {
    runner.dispatch({ type: "worker-listening", worker: id });
  }
}

/** Its supervisor died while it started: another takes its place, and it counts against nothing. */
function vanish(runner: AppRunner, id: number): void {
  const death = runner.workers.get(id)?.death(null, null) ?? {
    ...{ code: null, signal: null, uncaught: null },
    ...{ heapExhausted: false, oomKilled: false, stopped: false },
  };
  const exit = runner.reporter.remember(id, death);
  runner.dispatch({ type: "worker-exited", worker: id, exit, isBlameless: true });
}

/** What agents tell the supervisor, and what follows from it. Nothing a worker says is trusted. */

import { getSystemErrorName } from "node:util";
import { acceptors } from "../core/effects.ts";
import { isHolding, type Worker } from "../core/worker.ts";
import { HoldfastError } from "../errors.ts";
import type { AgentMessage, ListenRequest } from "../link/agent-messages.ts";
import { holderOfPath, holderOfPort, programOf } from "../system/proc.ts";
import type { AppRunner } from "./app-runner.ts";
import type { Handle } from "./node-internals.ts";
import { addressOf } from "./shards.ts";

/** What a worker wrote before its end is kept to this length. */
const LONGEST_TEXT = 4000;

export function hearWorker(
  runner: AppRunner,
  id: number,
  message: AgentMessage,
  handle: Handle | undefined,
): void {
  const worker = runner.worker(id);
  const running = runner.workers.get(id);
  if (!worker || !running) return handle?.close();
  runner.peers.heard(id);
  switch (message.t) {
    case "listen":
      return hearListen(runner, id, message.seq, message.request);
    case "listening":
    case "ready":
    case "released":
      return hearPhase(runner, id, message.t);
    case "close":
      // A worker that is leaving closes its servers; its siblings and its successor still need them.
      if (isHolding(worker)) runner.listeners.close(id, message.key);
      return runner.openings.closed(id, message.key);
    case "attached":
      return runner.openings.attached(id, message.key, message.shard);
    case "probe":
      running.probe = String(message.result).slice(0, LONGEST_TEXT);
      return;
    case "uncaught":
      running.uncaught = String(message.text).slice(0, LONGEST_TEXT);
      return;
    case "load":
    case "pass":
    case "hand":
    case "accept":
    case "refuse":
    case "limit":
      return hearTraffic(runner, id, message, handle);
    case "beat":
      runner.metrics.hearBeat(runner.options.name, worker, message.stats);
      runner.autoscale.heard(id, message.stats);
      runner.peers.beat(id, message.stats);
      return runner.health.beat(id, message);
    case "metrics":
      return hearMetrics(runner, worker, message);
    case "health":
      return runner.health.probed(id, message.fault);
    case "shard":
    case "kept":
      return runner.listeners.restored.answered(id, message.key, message.shard, handle);
  }
}

function hearPhase(runner: AppRunner, id: number, what: "listening" | "ready" | "released"): void {
  if (what !== "released") runner.health.met(id);
  if (what === "ready") runner.openings.ready(id);
  else runner.dispatch({ type: `worker-${what}`, worker: id });
  if (what === "listening") runner.gatekeeper.tell();
}

/** Of an app that is not to be measured nothing is kept. */
function hearMetrics(
  { options, metrics: store }: AppRunner,
  worker: Worker,
  { metrics, dropped }: Extract<AgentMessage, { t: "metrics" }>,
): void {
  if (options.metrics === null) return;
  const { maxSeries } = options.metrics;
  store.hearMetrics(options.name, worker, { metrics, dropped, maxSeries });
}

/** Who has how many connections, and which may go where. */
function hearTraffic(
  runner: AppRunner,
  id: number,
  message: Extract<AgentMessage, { t: "load" | "pass" | "hand" | "accept" | "refuse" | "limit" }>,
  handle: Handle | undefined,
): void {
  const { gatekeeper, workers } = runner;
  switch (message.t) {
    case "load":
      return gatekeeper.heard(id, message.open, message.taken);
    case "pass": {
      const passed = message.id;
      const given = (): void => workers.get(id)?.process.send({ t: "given", id: passed });
      workers.get(id)?.process.send({ t: "passed", id: passed });
      if (handle) gatekeeper.pass(id, message.key, handle, message.to, given);
      else given();
      return;
    }
    case "hand":
      return runner.peers.hand(id, message, handle);
    case "accept":
      return gatekeeper.accepted(id, message.offer);
    case "refuse":
      return gatekeeper.refused(id, message.offer);
    case "limit": {
      const accepting = message.reached !== true;
      return runner.dispatch({ type: "worker-accepting", worker: id, accepting });
    }
  }
}

function hearListen(runner: AppRunner, id: number, seq: number, request: unknown): void {
  if (!isListenRequest(request)) return;
  listen(runner, id, seq, request).catch((error: unknown) => {
    if (error instanceof HoldfastError) runner.fail(error);
    else runner.reporter.fault(id, "hostile");
  });
}

async function listen(
  runner: AppRunner,
  id: number,
  seq: number,
  request: ListenRequest,
): Promise<void> {
  const bound = await runner.listeners.open(id, request, runner.app.size);
  const running = runner.workers.get(id);
  if (!running || !runner.worker(id)) return runner.listeners.forget(id);
  running.hasListened = true;
  // The app may have an answer to this, such as the next port: it hears of it as under plain Node.
  if (bound.errno !== 0) running.portFault = explain(runner, request, bound.errno);
  else if (isFirst(runner, id, request.key)) {
    // Listening makes it ready, so it must be reachable when it says that it listens.
    runner.gatekeeper.introduce(id);
    runner.listeners.welcome(id, request.key);
  } else runner.listeners.seat(request.key);
  running.process.send({ t: "bound", seq, ...bound });
}

/**
 * Why the app cannot run here, when this worker ends now: it died for want of an address. Once anything
 * was ever ready there is something to protect, and the worker is replaced like any other.
 */
export function lacksAddress(runner: AppRunner, id: number): HoldfastError | null {
  const { portFault, uncaught } = runner.workers.get(id) ?? {};
  if (!(portFault instanceof HoldfastError) || runner.hasServed) return null;
  // It may have found another address, and died of something else.
  const isCause = uncaught?.includes("EADDRINUSE") || !runner.listeners.isOpenBy(id, null);
  return isCause ? portFault : null;
}

/** Nobody accepts at the address yet, and listening is all this worker needs to be ready. */
function isFirst(runner: AppRunner, id: number, key: string): boolean {
  const isStarting = runner.worker(id)?.phase === "starting";
  const isAnswered = runner.listeners.isAnswered(key, acceptors(runner.app));
  return runner.policy.ready === "listen" && isStarting && !isAnswered;
}

/** An address that cannot be had, with who has it. */
function explain(runner: AppRunner, request: ListenRequest, errno: number): Error {
  const name = getSystemErrorName(errno);
  const address = addressOf(request, {});
  if (name !== "EADDRINUSE") return new Error(`it could not listen on ${address}: ${name}`);
  const sibling = runner.siblingAt(request);
  const holder = sibling ? `"${sibling}", another app of this supervisor` : processAt(request);
  return new HoldfastError("HF_PORT_IN_USE", { address, holder });
}

/** The process that has an address, where /proc tells. */
function processAt({ address, port }: ListenRequest): string | null {
  const holder = port === -1 ? holderOfPath(String(address)) : holderOfPort(address, port);
  if (!holder) return null;
  if (holder.pid === process.pid) return "this supervisor itself (its metrics or its bus)";
  return `process ${holder.pid} (${programOf(holder.command)})`;
}

/** What a worker asks for, if it can be believed. */
export function isListenRequest(request: unknown): request is ListenRequest {
  const { key, address, port, addressType, flags } = (request ?? {}) as Record<string, unknown>;
  const isPath = addressType === -1 && port === -1 && typeof address === "string";
  const isPort = (addressType === 4 || addressType === 6) && Number(port) >= 0;
  return (
    typeof key === "string" &&
    key.length < 4096 &&
    (address === null || typeof address === "string") &&
    Number.isInteger(port) &&
    (isPath || isPort) &&
    Number.isInteger(flags)
  );
}

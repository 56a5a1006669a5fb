/**
 * Messages between the plain IPC channels of workers: `process.send({ holdfast: { to }, data })` of one is `data` in
 * the others' `process.on("message")`. No bus, no connection; who does not read is passed over.
 */

import type { BusCounts } from "../../core/bus/counts.ts";
import { isHolding } from "../../core/worker.ts";
import type { AppRunner } from "../app-runner.ts";
import type { IpcFault } from "../ipc.ts";

/** A longer message is for the bus, or for a file. */
const LONGEST_BYTES = 1024 * 1024;
const APP = "app:";

/** Worker ids of an app. */
interface Receivers {
  readonly runner: AppRunner;
  readonly workers: readonly number[];
}

export class Relay {
  readonly #runners: () => readonly AppRunner[];
  readonly #counts: BusCounts;

  constructor(runners: () => readonly AppRunner[], counts: BusCounts) {
    this.#runners = runners;
    this.#counts = counts;
  }

  /** What a worker has sent. False: it is not for others. */
  hear(from: AppRunner, worker: number, message: unknown): boolean {
    const { holdfast, data } = (message ?? {}) as { holdfast?: unknown; data?: unknown };
    if (typeof holdfast !== "object" || holdfast === null) return false;
    const receivers = this.#receivers((holdfast as { to?: unknown }).to, from, worker);
    const fault = receivers ? faultOf(data) : "malformed";
    if (fault || !receivers) {
      this.#counts.dropped.invalid += 1;
      from.reporter.fault(worker, fault ?? "malformed");
      return true;
    }
    for (const id of receivers.workers) this.#tell(receivers.runner, id, data);
    return true;
  }

  #tell({ workers }: AppRunner, id: number, data: unknown): void {
    const process = workers.get(id)?.process;
    if (!process) return;
    if (process.isCongested()) {
      this.#counts.dropped.congested += 1;
      return;
    }
    process.tell(data);
    this.#counts.messages.relay += 1;
  }

  /** Null for what names nobody. */
  #receivers(to: unknown, from: AppRunner, sender: number): Receivers | null {
    if (to === "all") return { runner: from, workers: [...from.workers.keys()] };
    if (to === "others") {
      return { runner: from, workers: [...from.workers.keys()].filter((id) => id !== sender) };
    }
    if (typeof to === "number") return { runner: from, workers: inSlot(from, to) };
    if (typeof to !== "string" || !to.startsWith(APP)) return null;
    const runner = this.#runners().find(({ options }) => options.name === to.slice(APP.length));
    return { runner: runner ?? from, workers: runner ? [...runner.workers.keys()] : [] };
  }
}

/** Who fills the slot now: during a reload the one that serves. */
function inSlot({ app }: AppRunner, slot: number): readonly number[] {
  const holding = app.workers.filter((worker) => worker.slot === slot && isHolding(worker));
  const serving = holding.filter(({ phase }) => phase === "ready");
  const newest = (serving.length > 0 ? serving : holding).at(-1);
  return newest ? [newest.id] : [];
}

/** What is wrong with the data; null: nothing. */
function faultOf(data: unknown): IpcFault | null {
  if (data === undefined) return "malformed";
  const { cmd } = (data ?? {}) as { cmd?: unknown };
  // Node, and the agent, would take it for a word of the supervisor.
  if (typeof cmd === "string" && cmd.startsWith("NODE_")) return "hostile";
  return Buffer.byteLength(JSON.stringify(data)) > LONGEST_BYTES ? "too-long" : null;
}

/** What the supervisor knows of one worker beside its place in the state: process, output, last words. */

import { classifyExit, type Death, saysHeapExhausted } from "../core/exits.ts";
import type { Exit } from "../core/worker.ts";
import type { WorkerOutput } from "../logs/worker-output.ts";
import { oomKills, processState, startTicks } from "../system/proc.ts";
import type { WorkerProcess } from "./processes.ts";
import { noSigns, type Signs } from "./signs.ts";

export class RunningWorker {
  readonly process: WorkerProcess;
  readonly output: WorkerOutput;
  /** Proves to the next supervisor which worker it is; null: there is to be none. */
  readonly token: string | null;
  /** With the pid it names one process; null where the system does not tell. */
  readonly startTicks: number | null;
  /** Where it looks for that one; null: in the home. */
  socket: string | null = null;
  readonly #oomKillsAtStart: number | null;
  /** The exception nobody handled, as the agent told it. */
  uncaught: string | null = null;
  /** How the last readiness probe failed. */
  probe: string | null = null;
  /** It has asked for an address, and why one could not be had. */
  hasListened = false;
  portFault: Error | null = null;
  readonly signs: Signs = noSigns();
  #wasStopped = false;

  /** `ticks`: those of a process that somebody else has started, and whose pid may be another's by now. */
  constructor(
    process: WorkerProcess,
    output: WorkerOutput,
    token: string | null,
    ticks = process.pid === null ? null : startTicks(process.pid),
  ) {
    this.process = process;
    this.output = output;
    this.token = token;
    this.startTicks = ticks;
    this.#oomKillsAtStart = oomKills();
  }

  /** Its agent has said something. */
  hasBeaten(): boolean {
    return this.signs.beats > 0;
  }

  /** SIGKILL; a stopped process is remembered as such, for its exit will not tell. */
  kill(): void {
    const { pid } = this.process;
    this.#wasStopped = pid !== null && processState(pid) === "T";
    this.process.kill();
  }

  death(code: number | null, signal: string | null): Death {
    const kills = oomKills();
    return {
      code,
      signal,
      uncaught: this.uncaught,
      heapExhausted: saysHeapExhausted(this.output.last()),
      oomKilled: kills !== null && this.#oomKillsAtStart !== null && kills > this.#oomKillsAtStart,
      stopped: this.#wasStopped,
      hang: this.signs.hang,
    };
  }

  /** What a worker that did not become ready in time was still missing. */
  missing(): string {
    if (this.portFault) return this.portFault.message;
    if (this.probe) return this.probe;
    return this.hasListened ? "it listens but never said that it is ready" : "it never listened";
  }
}

export function exitOf(death: Death): Exit {
  return { code: death.code, signal: death.signal, reason: classifyExit(death) };
}

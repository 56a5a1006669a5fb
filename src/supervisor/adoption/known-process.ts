/** A process that is no child of ours, as far as it may be signalled: while its pid is its own for certain. */

import { isRunning } from "../../system/proc.ts";
import { killGroup } from "../../system/process-group.ts";
import type { WorkerIdentity } from "./identity.ts";

export class KnownProcess {
  readonly #identity: WorkerIdentity;
  #isProved = false;
  #isKilled = false;

  constructor(identity: WorkerIdentity) {
    this.#identity = identity;
  }

  /** By `kill`. */
  get isKilled(): boolean {
    return this.#isKilled;
  }

  /** Whoever has this pid has shown that it is the worker. */
  prove(): void {
    this.#isProved = true;
  }

  isThere(): boolean {
    return isRunning(this.#identity);
  }

  /** A pid alone could be anybody's: without a time of its start only a link has proved whose it is. */
  isKnown(): boolean {
    return this.#identity.startTicks !== null || this.#isProved;
  }

  isOurs(): boolean {
    return this.isKnown() && this.isThere();
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.isOurs()) return;
    try {
      process.kill(this.#identity.pid, signal);
    } catch {
      // ESRCH: it has ended this very moment.
    }
  }

  /** SIGKILL to the process and its group. */
  kill(): void {
    if (!this.isOurs()) return;
    this.#isKilled = true;
    killGroup(this.#identity.pid);
  }

  /** Ends what it has left behind in its group. */
  sweep(): void {
    if (this.isKnown()) killGroup(this.#identity.pid);
  }
}

/**
 * The supervisor goes before its workers where there are too few CPUs for all: what hangs is found, what died is
 * replaced and messages are passed on while every worker computes. It needs little of them itself.
 */

import { constants, getPriority, setPriority } from "node:os";

/** Nice values: on Linux three times the CPU time of a worker that wants the same CPU (sched(7)), and not all of it. */
const AHEAD_BY = 5;

export class Priority {
  /** What this process was started with. */
  readonly #own = getPriority();

  /**
   * Puts this thread before others that were started like it. False: the system does not allow it, which without
   * CAP_SYS_NICE is the rule (setpriority(2)), and all stays as it is.
   */
  raise(): boolean {
    try {
      setPriority(Math.max(constants.priority.PRIORITY_HIGHEST, this.#own - AHEAD_BY));
      return true;
    } catch {
      return false;
    }
  }

  /** Goes before others until `work` has settled: for what is in a hurry where CPUs are few. */
  async whileRaised(work: () => Promise<void>): Promise<void> {
    const isRaised = this.raise();
    try {
      await work();
    } finally {
      if (isRaised) setPriority(this.#own);
    }
  }

  /** Calls `spawn`; the process it makes has the priority that this one was started with. */
  asStarted<Spawned>(spawn: () => Spawned): Spawned {
    const now = getPriority();
    if (now >= this.#own) return spawn();
    // A child has what the thread that forks it has at that moment, and who may raise may raise again.
    setPriority(this.#own);
    try {
      return spawn();
    } finally {
      setPriority(now);
    }
  }
}

/**
 * Watches the event loops of one app's workers: who falls silent is looked at, told of, and replaced
 * where nothing excuses it. What to think of a silence is decided in core/health.ts.
 */

import { constants } from "node:os";
import {
  inspectsAfterMs,
  isHalted,
  judge,
  LOOKS_APART_MS,
  type Look,
  looksAfterMs,
  looksEveryMs,
  type Silence,
} from "../core/health.ts";
import { catchesSignal, mainThreadOf } from "../system/main-thread.ts";
import type { AppRunner } from "./app-runner.ts";
import { inspect } from "./inspect.ts";
import type { Pulse } from "./pulse.ts";
import type { RunningWorker } from "./running-worker.ts";
import { countIn, faultIn, inspectorIn, type Signs, stackIn } from "./signs.ts";

const { SIGUSR1 } = constants.signals;

export class AppHealth {
  readonly #runner: AppRunner;
  readonly #pulse: Pulse;
  #hangTimeoutMs: number | null = null;
  #disarm: (() => void) | null = null;

  constructor(runner: AppRunner, pulse: Pulse) {
    this.#runner = runner;
    this.#pulse = pulse;
  }

  /** From now on silence counts after so many milliseconds; null: it does not. */
  arm(hangTimeoutMs: number | null): void {
    this.disarm();
    this.#hangTimeoutMs = hangTimeoutMs;
    if (hangTimeoutMs === null) return;
    // What was heard while nobody looked is old.
    for (const { signs } of this.#runner.workers.values()) signs.gaps = -1;
    this.#disarm = this.#pulse.add(looksEveryMs(hangTimeoutMs), () => this.#lookAtAll());
  }

  disarm(): void {
    this.#disarm?.();
    this.#disarm = null;
    this.#hangTimeoutMs = null;
  }

  /** Its event loop turns. */
  beat(id: number, { stats, inspector }: { stats: unknown; inspector: unknown }): void {
    const running = this.#runner.workers.get(id);
    if (!running) return;
    const { signs } = running;
    const { lived, gaps } = this.#pulse.lived();
    const { hasGivenUp, reported } = signs;
    const silence = signs.hang?.silence;
    if (signs.isOpened) running.process.send({ t: "inspected" });
    signs.beats += 1;
    Object.assign(signs, { beatAt: lived, gaps, handled: countIn(stats), told: null, stack: null });
    Object.assign(signs, { look: null, hasGivenUp: false, isInspected: false });
    // What was opened to look is about to be closed.
    signs.inspector = signs.isOpened ? "closed" : inspectorIn(inspector);
    signs.isOpened = false;
    if (reported.size === 0) return;
    reported.clear();
    this.#runner.reporter.recovered(id, silence ?? "hung");
    if (hasGivenUp) this.#runner.dispatch({ type: "worker-hung", worker: id, hung: false });
  }

  /** Its agent has told something else, and is about to beat: a boot that blocked is over. */
  met(id: number): void {
    const signs = this.#signs(id);
    if (!signs) return;
    const { lived, gaps } = this.#pulse.lived();
    signs.beats += 1;
    Object.assign(signs, { beatAt: lived, gaps });
  }

  /** Asks its debugger where it stands: by the time its silence is too long, that is known. */
  async #inspect(id: number, { process, signs, output }: RunningWorker): Promise<void> {
    if (signs.isInspected || signs.isBeingInspected || signs.inspector === "off") return;
    if (process.pid === null) return;
    const { beats, gaps, inspector } = signs;
    // One that has not said yet what the signal does to it must at least survive it.
    if (inspector === null && catchesSignal(process.pid, SIGUSR1) !== true) return;
    signs.isInspected = true;
    signs.isBeingInspected = true;
    const found = await inspect({
      pid: process.pid,
      url: inspector === null || inspector === "closed" ? null : inspector.url,
      lastLines: () => output.last(),
      open() {
        signs.isOpened = true;
        process.signal("SIGUSR1");
      },
    });
    signs.isBeingInspected = false;
    if (found === null && signs.gaps !== gaps) signs.isInspected = false;
    if (found === null || signs.beats !== beats) return;
    signs.told = found.isHeld ? "debugger" : "hung";
    signs.stack = stackIn(found.stack);
    if (this.#hangTimeoutMs !== null) this.#lookAt(id);
  }

  /** The outcome of its health probe. */
  probed(id: number, fault: unknown): void {
    const signs = this.#signs(id);
    if (!signs) return;
    const before = signs.fault;
    signs.fault = faultIn(fault);
    if (signs.fault === before) return;
    if (signs.fault === null) this.#runner.reporter.recovered(id, "unhealthy");
    else if (before === null) {
      signs.faultAt = performance.now();
      this.#runner.reporter.unhealthy(id, signs.fault);
    }
    this.#runner.triggers.weigh();
  }

  #signs(id: number): Signs | undefined {
    return this.#runner.workers.get(id)?.signs;
  }

  #lookAtAll(): void {
    for (const id of this.#runner.workers.keys()) this.#lookAt(id);
  }

  #lookAt(id: number): void {
    const running = this.#runner.workers.get(id);
    const hangTimeoutMs = this.#hangTimeoutMs;
    const isReady = this.#runner.worker(id)?.phase === "ready";
    if (!running || !isReady || hangTimeoutMs === null || running.signs.beatAt === null) return;
    const { lived, gaps } = this.#pulse.lived();
    const { signs } = running;
    // A gap forgives all: whoever has beaten since is not behind.
    if (signs.gaps !== gaps) {
      Object.assign(signs, { beatAt: lived, gaps, look: null });
      // Asked anew where that told nothing.
      if (signs.told === null && !signs.isBeingInspected) signs.isInspected = false;
    }
    const silentMs = lived - (signs.beatAt ?? lived);
    if (silentMs < looksAfterMs(hangTimeoutMs)) return;
    const before = signs.look;
    const look = lookAt(running, lived);
    if (silentMs >= inspectsAfterMs(hangTimeoutMs) && !isHalted(look))
      void this.#inspect(id, running);
    if (!before || lived - before.at >= LOOKS_APART_MS) signs.look = look;
    const seen = { silentMs, told: signs.told, look, before };
    const verdict = judge(seen, hangTimeoutMs);
    if (verdict.type === "well") return;
    // The answer is on its way, a second or so on a busy machine: who is replaced is told of with its stack.
    if (verdict.type === "gives-up" && signs.isBeingInspected) return;
    this.#report(id, signs, verdict.silence, silentMs, verdict.type === "gives-up");
  }

  #report(id: number, signs: Signs, silence: Silence, silentMs: number, givesUp: boolean): void {
    if (signs.hasGivenUp || (!givesUp && signs.reported.has(silence))) return;
    signs.reported.add(silence);
    signs.hasGivenUp = givesUp;
    signs.hang = { silence, silentMs: Math.round(silentMs), stack: signs.stack };
    this.#runner.reporter.hung(id, signs.hang, givesUp);
    if (givesUp) this.#runner.dispatch({ type: "worker-hung", worker: id, hung: true });
  }
}

function lookAt({ process: { pid } }: RunningWorker, at: number): Look | null {
  const seen = pid === null ? null : mainThreadOf(pid);
  return seen === null ? null : { at, ...seen };
}

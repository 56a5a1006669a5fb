/** Turns what happened to an app into events for listeners, and remembers the last words of the dead. */

import type { Report } from "../core/effects.ts";
import { type Death, describeExit, type Hang } from "../core/exits.ts";
import type { Silence } from "../core/health.ts";
import type { Reload } from "../core/reload.ts";
import { type Exit, exitReason, type Worker } from "../core/worker.ts";
import type { AppRunner } from "./app-runner.ts";
import type { Emit } from "./events.ts";
import { exitOf } from "./running-worker.ts";

/** What is known of a worker that is gone. */
export interface Obituary {
  readonly cause: string;
  readonly lastOutput: readonly string[];
}

const REMEMBERED = 50;

export class AppReporter {
  readonly #runner: AppRunner;
  readonly #emit: Emit;
  readonly #deaths = new Map<number, Death>();
  readonly #obituaries = new Map<number, Obituary>();

  constructor(runner: AppRunner, emit: Emit) {
    this.#runner = runner;
    this.#emit = emit;
  }

  /** Keeps how a worker died until its exit is reported. */
  remember(worker: number, death: Death): Exit {
    this.#deaths.set(worker, death);
    return exitOf(death);
  }

  /** Why the worker failed and what it last wrote. */
  obituary(worker: number | null): Obituary | null {
    return worker === null ? null : (this.#obituaries.get(worker) ?? null);
  }

  /** The newest obituary: why an app that never became ready did not. */
  lastObituary(): Obituary | null {
    return [...this.#obituaries.values()].at(-1) ?? null;
  }

  /** Another supervisor started it. */
  adopted(worker: Worker): void {
    this.#emit("worker:adopted", this.#of(worker));
  }

  draining(worker: Worker): void {
    this.#emit("worker:drain", { ...this.#of(worker), why: worker.leaving ?? "stop" });
  }

  message(id: number, message: unknown): void {
    const worker = this.#runner.worker(id);
    if (worker) this.#emit("worker:message", { ...this.#of(worker), message });
  }

  fault(id: number, fault: string): void {
    const worker = this.#runner.worker(id);
    if (worker) this.#emit("worker:fault", { ...this.#of(worker), fault });
  }

  hung(id: number, { silence, silentMs, stack }: Hang, replaced: boolean): void {
    const worker = this.#runner.worker(id);
    if (!worker) return;
    this.#emit("worker:hung", { ...this.#of(worker), kind: silence, silentMs, stack, replaced });
  }

  unhealthy(id: number, fault: string): void {
    const worker = this.#runner.worker(id);
    if (worker) this.#emit("worker:unhealthy", { ...this.#of(worker), fault });
  }

  recovered(id: number, from: Silence | "unhealthy"): void {
    const worker = this.#runner.worker(id);
    if (worker) this.#emit("worker:recovered", { ...this.#of(worker), from });
  }

  report(report: Report): void {
    const app = this.#runner.options.name;
    switch (report.type) {
      case "worker-started":
        return this.#started(report.worker);
      case "worker-ready":
        return this.#ready(report.worker);
      case "worker-exited":
        return this.#exited(report.worker);
      case "slot-waiting":
      case "slot-failed": {
        const { slot, history } = report;
        const retryInMs = Math.max(0, Math.round(history.retryAt - performance.now()));
        const name = report.type === "slot-failed" ? "slot:failed" : "slot:waiting";
        return this.#emit(name, { app, slot, retryInMs, crashes: history.crashes.length });
      }
      case "slot-done":
        return this.#emit("slot:done", { app, slot: report.slot });
      case "slot-recovered":
        return this.#emit("slot:recovered", { app, slot: report.slot });
      case "reload-started":
        return this.#emit("reload:start", { app, generation: report.reload.generation });
      case "reload-progress": {
        const { renewed, of } = report;
        return this.#emit("reload:progress", {
          app,
          generation: report.reload.generation,
          renewed,
          of,
        });
      }
      case "reload-done":
        return this.#emit("reload:done", { app, generation: report.reload.generation });
      case "reload-failed":
        return this.#reloadFailed(report.reload);
      case "app-scaled":
        return this.#emit("app:scaled", { app, instances: report.size });
      case "app-stopped":
        return this.#emit("app:stopped", { app });
    }
  }

  #started(worker: Worker): void {
    // Where there is nothing to run there was no start.
    if (this.#runner.workers.has(worker.id)) this.#emit("worker:start", this.#of(worker));
  }

  #ready(worker: Worker): void {
    const tookMs = Math.round((worker.readyAt ?? worker.startedAt) - worker.startedAt);
    this.#emit("worker:ready", { ...this.#of(worker), tookMs });
  }

  #exited(worker: Worker): void {
    const running = this.#runner.workers.get(worker.id);
    const death = this.#deaths.get(worker.id);
    const of = this.#of(worker);
    this.#deaths.delete(worker.id);
    this.#runner.workers.delete(worker.id);
    this.#runner.listeners.forget(worker.id);
    const reason = exitReason(worker);
    const lastOutput = running?.output.last() ?? [];
    const missing = running?.missing() ?? "";
    const cause = death
      ? describeExit(worker, reason, death, this.#runner.policy.readyTimeoutMs, missing)
      : reason;
    this.#obituaries.set(worker.id, { cause, lastOutput });
    const [oldest] = this.#obituaries.keys();
    if (this.#obituaries.size > REMEMBERED && oldest !== undefined) this.#obituaries.delete(oldest);
    const { code = null, signal = null } = worker.exit ?? {};
    const stack = reason === "unresponsive" ? (death?.hang?.stack ?? null) : null;
    this.#emit("worker:exit", { ...of, reason, code, signal, cause, lastOutput, stack });
  }

  #reloadFailed(reload: Reload): void {
    const { failure } = reload;
    const { cause, lastOutput } = this.obituary(failure?.worker ?? null) ?? {
      cause: failure?.cause ?? "it was given up",
      lastOutput: [],
    };
    const outcome = failure?.outcome ?? "unchanged";
    const app = this.#runner.options.name;
    this.#emit("reload:failed", { app, generation: reload.generation, cause, outcome, lastOutput });
  }

  #of(worker: Worker): {
    app: string;
    worker: number;
    slot: number;
    generation: number;
    pid: number | null;
  } {
    const { id, slot, generation } = worker;
    const pid = this.#runner.workers.get(id)?.process.pid ?? null;
    return { app: this.#runner.options.name, worker: id, slot, generation, pid };
  }
}

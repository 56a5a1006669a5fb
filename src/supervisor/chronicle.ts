/** What has happened to each app since this supervisor knows it: the past that `status` tells. */

import type { LastExit, LastReload } from "../core/overview.ts";
import { isWanted } from "../core/worker.ts";
import type { Supervisor } from "./supervisor.ts";

export interface Past {
  /** When the app was started or had stopped. Milliseconds since 1970. */
  since: number;
  /** Processes that took another's place, by slot. */
  readonly restarts: Map<number, number>;
  crashes: number;
  lastExit: LastExit | null;
  lastReload: LastReload | null;
}

export class Chronicle {
  readonly #pasts = new Map<string, Past>();
  /** Slots that have had a process since their app was started. */
  readonly #filled = new Set<string>();

  constructor(supervisor: Supervisor) {
    supervisor.on("worker:start", ({ app, slot }) => this.#started(app, slot));
    supervisor.on("worker:adopted", ({ app, slot }) => this.#filled.add(`${app}:${slot}`));
    supervisor.on("worker:exit", ({ app, slot, pid, reason, cause, lastOutput, stack }) => {
      if (isWanted(reason)) return;
      const past = this.of(app);
      // Replaced before it did harm.
      if (reason !== "memory_limit" && reason !== "unhealthy") past.crashes += 1;
      past.lastExit = { at: Date.now(), slot, pid, reason, cause, lastOutput, stack };
    });
    supervisor.on("reload:done", ({ app, generation }) => {
      this.of(app).lastReload = { at: Date.now(), generation, result: "done", cause: null };
    });
    supervisor.on("reload:failed", ({ app, generation, outcome, cause }) => {
      this.of(app).lastReload = { at: Date.now(), generation, result: outcome, cause };
    });
    supervisor.on("app:stopped", ({ app }) => {
      this.of(app).since = Date.now();
      for (const key of this.#filled) if (key.startsWith(`${app}:`)) this.#filled.delete(key);
    });
  }

  /** The past of an app, a fresh one for an app that has none. */
  of(app: string): Past {
    const known = this.#pasts.get(app);
    if (known) return known;
    const fresh: Past = {
      since: Date.now(),
      restarts: new Map(),
      crashes: 0,
      lastExit: null,
      lastReload: null,
    };
    this.#pasts.set(app, fresh);
    return fresh;
  }

  /** The app is gone: another of its name begins anew. */
  forget(app: string): void {
    this.#pasts.delete(app);
    for (const key of this.#filled) if (key.startsWith(`${app}:`)) this.#filled.delete(key);
  }

  #started(app: string, slot: number): void {
    const past = this.of(app);
    const isFirst = ![...this.#filled].some((key) => key.startsWith(`${app}:`));
    if (isFirst) past.since = Date.now();
    const key = `${app}:${slot}`;
    if (this.#filled.has(key)) past.restarts.set(slot, (past.restarts.get(slot) ?? 0) + 1);
    this.#filled.add(key);
  }
}

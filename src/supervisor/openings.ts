/**
 * A worker that says it is ready is believed once its addresses answer. A socket that nobody has listened at yet
 * refuses connections, and a worker is attached by a message: between that and what it does lies its event loop.
 */

import { acceptors } from "../core/effects.ts";
import type { AppRunner } from "./app-runner.ts";

export class Openings {
  readonly #runner: AppRunner;
  /** By worker: the shards it is yet to listen at, by key. */
  readonly #awaited = new Map<number, Map<string, Set<number>>>();

  constructor(runner: AppRunner) {
    this.#runner = runner;
  }

  /** The worker says so, or its probe does. Again, where its link to the supervisor has broken. */
  ready(id: number): void {
    const { listeners, gatekeeper, app } = this.#runner;
    const isStarting = this.#runner.worker(id)?.phase === "starting";
    const willing = acceptors(app);
    const keys = isStarting
      ? listeners.openedBy(id).filter((key) => !listeners.isAnswered(key, willing))
      : [];
    if (keys.length > 0) gatekeeper.introduce(id);
    this.#awaited.set(id, new Map(keys.map((key) => [key, new Set(listeners.welcome(id, key))])));
    this.#look(id);
  }

  /** The worker listens at the shard. */
  attached(id: number, key: string, shard: number): void {
    this.#awaited.get(id)?.get(key)?.delete(shard);
    this.#look(id);
  }

  /** Its app has closed the server. */
  closed(id: number, key: string): void {
    this.#awaited.get(id)?.delete(key);
    this.#look(id);
  }

  /** The worker has ended. */
  gone(id: number): void {
    this.#awaited.delete(id);
  }

  #look(id: number): void {
    const awaited = this.#awaited.get(id);
    if (!awaited || [...awaited.values()].some((shards) => shards.size > 0)) return;
    this.#awaited.delete(id);
    this.#runner.dispatch({ type: "worker-ready", worker: id });
  }
}

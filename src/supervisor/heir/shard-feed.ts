/**
 * Brings what an heir holds to what it should hold, one message at a time: an heir that does not read
 * makes nobody wait, and nothing piles up for it.
 */

import type { Handle } from "../node-internals.ts";
import { type ShardName, shardId, type ToHeir } from "./will.ts";

/** A shard by name, and its handle now. */
export interface Shard {
  readonly name: ShardName;
  readonly handle: Handle;
}

export class ShardFeed {
  readonly #wanted: ReadonlyMap<string, Shard>;
  readonly #send: (message: ToHeir, handle?: Handle) => void;
  readonly #held = new Map<string, Shard>();
  #isWaiting = false;

  /** `wanted`: by `shardId`, and looked at again with each step. */
  constructor(
    wanted: ReadonlyMap<string, Shard>,
    send: (message: ToHeir, handle?: Handle) => void,
  ) {
    this.#wanted = wanted;
    this.#send = send;
  }

  /** It holds all that it should. */
  get isFed(): boolean {
    return !this.#isWaiting;
  }

  /** The heir has done what it was told last. */
  done(): void {
    this.#isWaiting = false;
    this.step();
  }

  /** What is wanted may have changed. */
  step(): void {
    if (this.#isWaiting) return;
    const stale = [...this.#held.values()].find(({ name }) => !this.#wanted.has(shardId(name)));
    if (stale) return this.#release(stale);
    for (const [id, shard] of this.#wanted) {
      // Closed already: the news of it is about to come.
      if (this.#held.get(id)?.handle === shard.handle || shard.handle.fd < 0) continue;
      return this.#hold(shard);
    }
  }

  #hold(shard: Shard): void {
    this.#isWaiting = true;
    this.#held.set(shardId(shard.name), shard);
    this.#send({ t: "hold", shard: shard.name }, shard.handle);
  }

  #release({ name }: Shard): void {
    this.#isWaiting = true;
    this.#held.delete(shardId(name));
    this.#send({ t: "release", shard: name });
  }
}

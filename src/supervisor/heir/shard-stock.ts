/** The listening sockets an heir holds, so that they outlive the supervisor that bound them. */

import type { Handle } from "../node-internals.ts";
import type { HeldShards } from "./held-shards.ts";
import { type ShardName, shardId } from "./will.ts";

export class ShardStock implements HeldShards {
  readonly #handles = new Map<string, Handle>();

  /** Keeps it, in the place of an older one. */
  hold(name: ShardName, handle: Handle): void {
    this.release(name);
    this.#handles.set(shardId(name), handle);
  }

  release(name: ShardName): void {
    this.#handles.get(shardId(name))?.close();
    this.#handles.delete(shardId(name));
  }

  take(app: string, key: string, shard: number): Handle | null {
    const id = shardId({ app, key, shard });
    const handle = this.#handles.get(id) ?? null;
    this.#handles.delete(id);
    return handle;
  }

  closeRest(): void {
    for (const handle of this.#handles.values()) handle.close();
    this.#handles.clear();
  }
}

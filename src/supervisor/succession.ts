/** Who would follow this supervisor: its heir, where one is wanted, and how often somebody has followed. */

import type { Apps } from "./apps.ts";
import type { AppShard, Heir, HeirSettings } from "./heir/heir.ts";
import { openHeir } from "./heir/heir.ts";
import type { Shard } from "./heir/shard-feed.ts";
import { shardId } from "./heir/will.ts";
import { allUp } from "./upgrade/all-up.ts";

export interface SuccessionSettings {
  /** Of heirs; null where there can be none. */
  readonly heir: HeirSettings | null;
  /** Whether there is to be one. */
  readonly wanted: boolean;
  /** How often a supervisor has taken over before, this one included. */
  readonly takeovers: number;
}

export class Succession implements Pick<Heir, "follow" | "forget"> {
  /** Null where nobody can follow. */
  readonly settings: HeirSettings | null;
  readonly takeovers: number;
  /** What an heir is to hold, kept for those that come later. */
  readonly #shards = new Map<string, readonly AppShard[]>();
  #heir: Heir | null = null;
  #apps: Apps | null = null;
  #isPromised = false;
  #isWanted: boolean;
  #isStarted = false;

  constructor({ wanted, takeovers, heir }: SuccessionSettings) {
    this.settings = heir;
    this.takeovers = takeovers;
    this.#isWanted = wanted;
  }

  /** There should be an heir, whether it is there or not. */
  get isWanted(): boolean {
    return this.#isWanted && this.settings !== null;
  }

  /** The heir's process; null while there is none. */
  get pid(): number | null {
    return this.#heir?.pid ?? null;
  }

  /** From now on there is an heir, where one is wanted. */
  start(): void {
    this.#isStarted = true;
    if (!this.#isWanted || !this.settings || this.#heir) return;
    const heir = openHeir(this.settings);
    for (const [app, shards] of this.#shards) heir.follow(app, shards);
    heir.start();
    this.#heir = heir;
  }

  /** Has an heir, or none, at once. */
  want(isWanted: boolean): void {
    this.#isWanted = isWanted;
    if (isWanted && this.#isStarted) this.start();
    if (!isWanted) void this.#release();
  }

  /** What somebody would follow in. */
  know(apps: Apps): void {
    this.#apps = apps;
  }

  /** Somebody is to follow on purpose; false where that is promised to another one already. */
  promise(): boolean {
    const isFree = !this.#isPromised;
    this.#isPromised = true;
    return isFree;
  }

  /** Resolves when no worker would end with this process, in the same turn of the event loop. */
  async allUp(): Promise<void> {
    if (this.#apps) await allUp(this.#apps);
  }

  follow(app: string, shards: readonly AppShard[]): void {
    this.#shards.set(app, shards);
    this.#heir?.follow(app, shards);
  }

  forget(app: string): void {
    this.#shards.delete(app);
    this.#heir?.forget(app);
  }

  /** All shards there are now, for another successor than the heir. */
  shards(): ReadonlyMap<string, Shard> {
    const found = new Map<string, Shard>();
    for (const [app, shards] of this.#shards) {
      for (const { key, shard, handle } of shards) {
        const name = { app, key, shard };
        found.set(shardId(name), { name, handle });
      }
    }
    return found;
  }

  /** Nobody follows by itself. Resolves when the heir is gone. */
  async close(): Promise<void> {
    this.#isStarted = false;
    await this.#release();
  }

  async #release(): Promise<void> {
    const heir = this.#heir;
    this.#heir = null;
    await heir?.close();
  }
}

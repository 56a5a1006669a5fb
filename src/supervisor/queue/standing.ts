/** The numbers of the store as they were at its last commit. */

import type { News } from "./calls.ts";
import type { QueueDepth, StoreReading } from "./terms.ts";

type Depth = { -readonly [Name in keyof QueueDepth]: number };

const NOTHING: QueueDepth = { ready: 0, delayed: 0, leased: 0, dead: 0, bytes: 0 };

export class Standing {
  readonly #depth: Depth = { ...NOTHING };
  readonly #queues = new Map<string, QueueDepth>();
  #counts: News["counts"] = {
    ...{ enqueued: 0, done: 0, retried: 0, dead: 0, expired: 0, duplicates: 0 },
  };
  #commits = 0;

  get reading(): StoreReading {
    const { ready, delayed, leased, dead, bytes } = this.#depth;
    const depth = { ready, delayed, leased, dead, bytes };
    return { ...this.#counts, depth, queues: this.#queues, commits: this.#commits };
  }

  hear({ depths, counts, commits }: News): void {
    for (const [queue, ready, delayed, leased, dead, bytes] of depths) {
      this.#set(queue, { ready, delayed, leased, dead, bytes });
    }
    this.#counts = counts;
    this.#commits = commits;
  }

  #set(queue: string, depth: QueueDepth): void {
    const last = this.#queues.get(queue) ?? NOTHING;
    for (const name of ["ready", "delayed", "leased", "dead", "bytes"] as const) {
      this.#depth[name] += depth[name] - last[name];
    }
    const { ready, delayed, leased, dead } = depth;
    if (ready + delayed + leased + dead === 0) this.#queues.delete(queue);
    else this.#queues.set(queue, depth);
  }
}

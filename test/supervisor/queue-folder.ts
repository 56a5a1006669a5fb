/** A folder of durable queues of its own, and what is done with it in tests. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HoldfastError } from "../../src/errors.ts";
import {
  type Leased,
  type NewMessage,
  QueueStore,
  type StoreOptions,
} from "../../src/supervisor/queue/store.ts";
import { projectRoot } from "../support/holdfast.ts";
import { until } from "../support/until.ts";

export const PROGRAM = join(projectRoot, "dist/queue-thread.cjs");

export class QueueFolder implements AsyncDisposable {
  readonly path = mkdtempSync(join(tmpdir(), "holdfast-queue-"));
  readonly file = join(this.path, "queues.db");
  readonly failures: HoldfastError[] = [];
  /** Queues that something was told to be ready in, in that order. */
  readonly due: string[] = [];
  readonly #stores: QueueStore[] = [];
  #number = 0;

  async open(options: Partial<StoreOptions> = {}): Promise<QueueStore> {
    const all = { fsync: "os" as const, maxMessages: 10_000, maxBytes: 2 ** 24, program: PROGRAM };
    const store = await QueueStore.open(
      this.path,
      { ...all, ...options },
      {
        due: (queue) => this.due.push(queue),
        failed: (error) => this.failures.push(error),
      },
    );
    this.#stores.push(store);
    return store;
  }

  /** A message with `text` as its body. */
  message(text: string, terms: Partial<NewMessage> = {}): NewMessage {
    this.#number += 1;
    return {
      ...{ queue: "mails", body: Buffer.from(text), format: 2, once: `once-${this.#number}` },
      ...{ key: null, headers: null, delayMs: 0, ttlMs: null, priority: 4, attempts: 5 },
      ...{ dedupe: null, dedupeMs: 300_000, from: "test" },
      ...terms,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The bodies of what is handed out now. */
export async function taken(store: QueueStore, limit = 100, queue = "mails"): Promise<string[]> {
  return (await store.take(queue, limit, "w1")).map(({ body }) => body.toString());
}

/** The next message, which has to come. */
export async function takeOne(store: QueueStore, queue = "mails"): Promise<Leased> {
  const found = await until(async () => (await store.take(queue, 1, "w1"))[0], {
    what: "a message that is ready",
  });
  return found;
}

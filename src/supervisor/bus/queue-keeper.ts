/** The store of durable queues, opened when it is first needed, and again after it has failed. */

import { NO_QUEUES, type QueueReading } from "../../core/queue/reading.ts";
import { HoldfastError } from "../../errors.ts";
import { QueueStore } from "../queue/store.ts";
import type { HeldLease, StoreOptions, StoreReading } from "../queue/terms.ts";

/** Where the messages are, and what they may take. */
export interface QueueSettings extends StoreOptions {
  /** Null: there are no durable queues. */
  readonly folder: string | null;
}

export interface KeeperEvents {
  /** It is there, for the first time or again. `held`: what it has handed out before. */
  opened(held: readonly HeldLease[]): void;
  /** Something may be ready that was not when last asked. */
  due(queue: string): void;
  /** It is gone; `error`: why, null where it was closed in order. */
  lost(error: HoldfastError | null): void;
}

/** One that could not be opened is not tried again at once: each try costs a thread. */
const TRY_AGAIN_MS = 1000;

export class QueueKeeper {
  readonly #settings: () => QueueSettings;
  readonly #events: KeeperEvents;
  #store: QueueStore | null = null;
  #opening: Promise<QueueStore> | null = null;
  /** Until the last one is closed its folder is in use. */
  #closing: Promise<void> = Promise.resolve();
  /** Of stores that are closed. */
  #before = NO_QUEUES.events;
  /** It is not tried again before this instant of `performance.now()`. */
  #refusal: { readonly until: number; readonly error: unknown } | null = null;

  constructor(settings: () => QueueSettings, events: KeeperEvents) {
    this.#settings = settings;
    this.#events = events;
  }

  /** Null while there is none. */
  get store(): QueueStore | null {
    return this.#store;
  }

  /** What tells its ids from those of other stores, also after the supervisor was started again; "": there is none. */
  get name(): string {
    return this.#store?.name ?? "";
  }

  /** Events over all stores of this process, and how it is in the present one. */
  get reading(): QueueReading {
    const now = this.#store?.reading;
    return now
      ? { events: sum(this.#before, now), queues: now.queues }
      : { ...NO_QUEUES, events: this.#before };
  }

  /** Rejects with HF_BUS_QUEUE_NO_FOLDER, and as `QueueStore.open` does. */
  open(): Promise<QueueStore> {
    this.#opening ??= this.#open(this.#closing);
    return this.#opening;
  }

  /** Resolves when everything handed in before is committed, up to the end of `last`. It may be opened again. */
  close(last: Promise<unknown> = Promise.resolve()): Promise<void> {
    this.#refusal = null;
    const opening = this.#opening;
    if (opening !== null) this.#closing = this.#close(opening, last);
    return this.#closing;
  }

  async #close(opening: Promise<QueueStore>, last: Promise<unknown>): Promise<void> {
    const store = this.#store ?? (await opening.catch(() => null));
    if (!store || this.#store !== store) return;
    this.#forget();
    this.#events.lost(null);
    await last;
    await store.close();
  }

  async #open(closing: Promise<void>): Promise<QueueStore> {
    // Also lets `open` know this promise before it ends.
    await closing;
    try {
      const { folder, ...options } = this.#settings();
      if (folder === null) throw new HoldfastError("HF_BUS_QUEUE_NO_FOLDER", {});
      if (this.#refusal && performance.now() < this.#refusal.until) throw this.#refusal.error;
      return await this.#openIn(folder, options);
    } catch (error) {
      this.#opening = null;
      if (this.#refusal?.error !== error) {
        this.#refusal = { until: performance.now() + TRY_AGAIN_MS, error };
      }
      throw error;
    }
  }

  async #openIn(folder: string, options: StoreOptions): Promise<QueueStore> {
    let broken: HoldfastError | null = null;
    const store = await QueueStore.open(folder, options, {
      due: (queue) => this.#events.due(queue),
      failed: (error) => {
        broken = error;
        if (this.#store === store) this.#failed(error);
      },
    });
    try {
      const held = await store.held();
      if (broken) throw broken;
      this.#store = store;
      this.#events.opened(held);
      return store;
    } catch (error) {
      // Else its folder would stay in use, and nobody could open it again.
      this.#store = null;
      await store.close();
      throw error;
    }
  }

  #failed(error: HoldfastError): void {
    this.#forget();
    this.#refusal = { until: performance.now() + TRY_AGAIN_MS, error };
    this.#events.lost(error);
  }

  #forget(): void {
    this.#before = this.reading.events;
    this.#store = null;
    this.#opening = null;
  }
}

function sum(before: QueueReading["events"], now: StoreReading): QueueReading["events"] {
  return {
    enqueued: before.enqueued + now.enqueued,
    done: before.done + now.done,
    retried: before.retried + now.retried,
    dead: before.dead + now.dead,
    expired: before.expired + now.expired,
    duplicate: before.duplicate + now.duplicates,
  };
}

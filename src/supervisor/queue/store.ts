/** The durable queues' messages on disk: SQLite in a thread of its own, many calls in one commit. */

import { MOST_LISTED } from "../../core/queue/desk-bounds.ts";
import { QUEUE_PROGRAM } from "../queue-program.ts";
import type { LeaseRow } from "./calls.ts";
import { type Asked, type NextBody, ThreadPort } from "./port.ts";
import { Standing } from "./standing.ts";
import type {
  Added,
  HeldLease,
  Leased,
  NewMessage,
  QueuedMessage,
  QueueState,
  QueueSummary,
  Settlement,
  StoreEvents,
  StoreOptions,
  StoreReading,
} from "./terms.ts";

export type * from "./terms.ts";

/**
 * Every call resolves after the commit that has it, and may reject with HF_BUS_QUEUE_FAILED (the disk is full, for
 * one: the store goes on; the error says what became of the call), with HF_BUS_QUEUE_DAMAGED (the file turned out to be
 * damaged: the store is closed) and, after `close`, with HF_BUS_CLOSED. Calls are worked on in their order, but for
 * `retry` and `purge` of many messages, which let others through.
 */
export class QueueStore {
  /** Tells its ids from those of all other stores, also one that lay in its place. */
  readonly name: string;
  readonly #port: ThreadPort;
  readonly #standing: Standing;

  private constructor(port: ThreadPort, standing: Standing, name: string) {
    this.name = name;
    this.#port = port;
    this.#standing = standing;
  }

  /**
   * Opens `queues.db` in the folder, which is made where there is none, and keeps every other process out of it. Rejects
   * with HF_BUS_QUEUE_FOLDER and HF_BUS_QUEUE_NO_SQLITE.
   */
  static async open(
    folder: string,
    options: StoreOptions,
    events: StoreEvents,
  ): Promise<QueueStore> {
    const { fsync, maxMessages, maxBytes, clockAheadMs = 0, program = QUEUE_PROGRAM } = options;
    const order = { folder, fsync, maxMessages, maxBytes, clockAheadMs };
    const standing = new Standing();
    const port = new ThreadPort(program, order, {
      news: (news) => {
        standing.hear(news);
        for (const queue of news.due) events.due(queue);
      },
      failed: (error) => events.failed(error),
    });
    return new QueueStore(port, standing, await port.opened());
  }

  /** Since the store was opened, as of the last commit. */
  get reading(): StoreReading {
    return this.#standing.reading;
  }

  /** Rejects with HF_BUS_QUEUE_FULL, too. The body is read until the turn of the event loop is over. */
  add(message: NewMessage): Promise<Added> {
    const { queue, once, key, headers, delayMs, ttlMs, priority, attempts } = message;
    const { dedupe, dedupeMs, from, format, body } = message;
    const text = headers === null ? null : JSON.stringify(headers);
    return this.#port.ask(
      [
        ...(["add", queue, once, key, text, delayMs, ttlMs, priority, attempts] as const),
        ...([dedupe, dedupeMs, from, format, body.length] as const),
      ],
      body,
      (value) => {
        const [id, duplicate] = value as [number, boolean];
        return { id: String(id), duplicate };
      },
    );
  }

  /**
   * Hands out up to `limit` messages: those of the highest priority first, of one priority the oldest. Fewer than there
   * are where they are large: then `due` is told.
   */
  take(queue: string, limit: number, holder: string): Promise<readonly Leased[]> {
    return this.#port.ask(["take", queue, limit, holder], null, (value, nextBody) =>
      (value as readonly LeaseRow[]).map((row) => leasedOf(queue, row, nextBody)),
    );
  }

  /** False: that lease does not stand any more. The retry of a last attempt makes a dead letter. */
  settle(settlement: Settlement): Promise<boolean> {
    return this.#port.ask(settleOf(settlement), null, (value) => value as boolean);
  }

  /** The leases that stand, those found when the store was opened among them. */
  held(): Promise<readonly HeldLease[]> {
    return this.#port.ask(["held"], null, (value) => value as readonly HeldLease[]);
  }

  /** Up to `limit` queues that hold anything, by name: those after the one of that name. */
  list(after = "", limit = MOST_LISTED): Promise<readonly QueueSummary[]> {
    const asked: Asked = ["list", after, limit];
    return this.#port.ask(asked, null, (value) => value as readonly QueueSummary[]);
  }

  /** Up to `limit` messages behind the first `skip`, those of the highest priority first. */
  peek(
    queue: string,
    state: QueueState,
    limit: number,
    skip = 0,
  ): Promise<readonly QueuedMessage[]> {
    return this.#port.ask(["peek", queue, state, limit, skip], null, (value, nextBody) =>
      (value as readonly (QueuedMessage & { readonly cut: number })[]).map(
        ({ cut, ...message }) => ({
          ...message,
          body: nextBody(cut),
        }),
      ),
    );
  }

  /** Puts one dead letter or all of them back, with all their attempts. Resolves with how many. */
  retry(queue: string, id: string | null): Promise<number> {
    return this.#port.ask(["retry", queue, id], null, (value) => value as number);
  }

  /** Removes one message or all of a state (null: of each, those that are handed out among them). Resolves with how many. */
  purge(queue: string, state: QueueState | null, id: string | null): Promise<number> {
    return this.#port.ask(["purge", queue, state, id], null, (value) => value as number);
  }

  /** Everything handed in before is committed. */
  close(): Promise<void> {
    return this.#port.close();
  }
}

function settleOf(settlement: Settlement): Asked {
  const { id, attempt, how } = settlement;
  const delayMs = how === "retry" ? settlement.delayMs : 0;
  const isFailure = how === "retry" || how === "dead";
  const error = isFailure && settlement.error !== null ? JSON.stringify(settlement.error) : null;
  return ["settle", id, attempt, how, delayMs, isFailure ? settlement.reason : null, error];
}

function leasedOf(queue: string, row: LeaseRow, nextBody: NextBody): Leased {
  const [id, attempt, key, headers, format, enqueuedAt, attempts, bytes] = row;
  return {
    ...{ id, queue, attempt, key, format, enqueuedAt, attempts },
    headers: headers === null ? null : (JSON.parse(headers) as Record<string, string>),
    body: nextBody(bytes),
  };
}

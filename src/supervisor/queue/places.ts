/**
 * Where each message stands. Of all living messages of one key of a queue exactly one is not blocked: the one
 * that is handed out next, or that is out.
 */

import type { Database, Row, Statement } from "./driver.ts";
import { STATE, type State, type Tally } from "./tally.ts";

export interface Message {
  readonly id: number;
  readonly queue: string;
  readonly state: State;
  readonly bytes: number;
  readonly key: string | null;
  readonly dueAt: number;
  readonly expiresAt: number | null;
  readonly attempt: number;
  readonly attempts: number;
  readonly holder: string | null;
  readonly reason: string | null;
  readonly error: string | null;
  readonly failedAt: number | null;
}

type Change = Partial<Omit<Message, "id" | "queue" | "bytes" | "key">>;

/** What `messageOf` reads. */
export const COLUMNS = `id, queue, state, bytes, key, due_at, expires_at, attempt, attempts, holder,
  reason, error, failed_at`;

export function messageOf(row: Row): Message {
  return {
    id: Number(row.id),
    queue: String(row.queue),
    state: Number(row.state) as State,
    bytes: Number(row.bytes),
    key: row.key as string | null,
    dueAt: Number(row.due_at),
    expiresAt: row.expires_at as number | null,
    attempt: Number(row.attempt),
    attempts: Number(row.attempts),
    holder: row.holder as string | null,
    reason: row.reason as string | null,
    error: row.error as string | null,
    failedAt: row.failed_at as number | null,
  };
}

export class Places {
  /** Before this instant nothing becomes due and nothing expires. */
  nextAt = 0;
  readonly #tally: Tally;
  readonly #find: Statement;
  readonly #firstOfKey: Statement;
  readonly #update: Statement;
  readonly #remove: Statement;
  readonly #removeContent: Statement;

  constructor(db: Database, tally: Tally) {
    this.#tally = tally;
    this.#find = db.prepare(`SELECT ${COLUMNS} FROM messages WHERE id = ?`);
    this.#firstOfKey = db.prepare(`SELECT ${COLUMNS} FROM messages INDEXED BY keyed
      WHERE queue = ? AND key = ? AND key IS NOT NULL AND state < 4 ORDER BY id LIMIT 1`);
    this.#update =
      db.prepare(`UPDATE messages SET state = ?, due_at = ?, expires_at = ?, attempt = ?,
      attempts = ?, holder = ?, reason = ?, error = ?, failed_at = ? WHERE id = ?`);
    this.#remove = db.prepare("DELETE FROM messages WHERE id = ?");
    this.#removeContent = db.prepare("DELETE FROM contents WHERE id = ?");
  }

  find(id: number): Message | null {
    const row = this.#find.get(id);
    return row === undefined ? null : messageOf(row);
  }

  /** Where a message belongs that comes, or comes back from the dead. */
  entrance(queue: string, key: string | null, dueAt: number, now: number): State {
    const isBehind = key !== null && this.#firstOfKey.get(queue, key) !== undefined;
    return isBehind ? STATE.blocked : byTime(dueAt, now);
  }

  /** Something becomes due or expires at this instant. */
  awaits(at: number | null): void {
    if (at !== null && at < this.nextAt) this.nextAt = at;
  }

  /** Into another state, or the same with other terms. */
  move(message: Message, change: Change, now: number): void {
    const { id, queue, bytes, state } = message;
    const next = { ...message, ...change };
    const { dueAt, expiresAt, attempt, attempts, holder, reason, error, failedAt } = next;
    const terms = [attempt, attempts, holder, reason, error, failedAt];
    this.#update.run(next.state, dueAt, expiresAt, ...terms, id);
    this.#tally.leave(queue, state, bytes);
    this.#tally.enter(queue, next.state, bytes);
    if (next.state === STATE.delayed) this.awaits(dueAt);
    if (next.state < STATE.leased) this.awaits(expiresAt);
    if (next.state === STATE.dead) this.#advance(message, now);
  }

  /** To where it can be handed out from, at once or when it is due: it stays the first of its key. */
  giveBack(message: Message, change: Change, now: number): void {
    const dueAt = change.dueAt ?? message.dueAt;
    this.move(message, { ...change, holder: null, state: byTime(dueAt, now) }, now);
  }

  remove(message: Message, now: number): void {
    const { id, queue, state, bytes } = message;
    this.#remove.run(id);
    this.#removeContent.run(id);
    this.#tally.leave(queue, state, bytes);
    this.#advance(message, now);
  }

  /** The next of its key may go. */
  #advance({ queue, key, state }: Message, now: number): void {
    if (key === null || state === STATE.blocked || state === STATE.dead) return;
    const row = this.#firstOfKey.get(queue, key);
    if (row === undefined) return;
    const next = messageOf(row);
    this.move(next, { state: byTime(next.dueAt, now) }, now);
  }
}

function byTime(dueAt: number, now: number): State {
  return dueAt > now ? STATE.delayed : STATE.ready;
}

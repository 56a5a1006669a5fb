/** What people see of the queues. */

import { PEEKED_BYTES } from "../../core/queue/desk-bounds.ts";
import type { Outcome } from "./calls.ts";
import type { Database, Row, Statement } from "./driver.ts";
import { STATE, type State, type Tally } from "./tally.ts";
import type { QueueState } from "./terms.ts";

/** What people call a state, and what it is in the file. */
export const STATES: Readonly<Record<QueueState, readonly State[]>> = {
  ready: [STATE.ready, STATE.blocked],
  delayed: [STATE.delayed],
  leased: [STATE.leased],
  dead: [STATE.dead],
};

const URGENCIES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

const EMPTY = new Uint8Array(0);

export class Looks {
  readonly #tally: Tally;
  readonly #oldest: Statement;
  readonly #peek: Statement;

  constructor(db: Database, tally: Tally) {
    this.#tally = tally;
    this.#oldest = db.prepare(`SELECT enqueued_at FROM messages INDEXED BY place
      WHERE queue = ? AND state = ? AND urgency = ? ORDER BY id LIMIT 1`);
    this.#peek = db.prepare(`SELECT messages.*, contents.format, contents.headers,
      length(contents.body) AS body_bytes, substr(contents.body, 1, ${PEEKED_BYTES}) AS body
      FROM messages INDEXED BY place JOIN contents USING (id)
      WHERE queue = ? AND state = ? ORDER BY urgency, messages.id LIMIT ?`);
  }

  /** Those whose names come after that one. */
  list(after: string, limit: number): Outcome {
    const rest = this.#tally.queues.filter((name) => name > after).sort();
    const value = rest.slice(0, limit).map((name) => {
      const [queue, ready, delayed, leased, dead, bytes] = this.#tally.rowOf(name);
      return { queue, ready, delayed, leased, dead, bytes, oldestAt: this.#oldestAt(queue) };
    });
    return { value };
  }

  peek(queue: string, state: string, limit: number, skip: number): Outcome {
    const found: Row[] = [];
    for (const one of STATES[state as QueueState]) {
      found.push(...this.#peek.all(queue, one, skip + limit - found.length));
    }
    const rows = found.slice(skip);
    return {
      value: rows.map((row) => peeked(row, state)),
      bodies: rows.map(bodyOf),
    };
  }

  /** The first of each state and urgency is found at once, whatever lies behind it. */
  #oldestAt(queue: string): number | null {
    const states = this.#tally.statesOf(queue);
    const times = [STATE.ready, STATE.delayed, STATE.blocked, STATE.leased]
      .filter((state) => states[state] !== 0)
      .flatMap((state) => URGENCIES.map((urgency) => this.#oldest.get(queue, state, urgency)))
      .flatMap((row) => (row === undefined ? [] : [Number(row.enqueued_at)]));
    return times.length === 0 ? null : Math.min(...times);
  }
}

/** Without the body, which goes beside. */
function peeked(row: Row, state: string): Record<string, unknown> {
  const { id, key, headers, attempt, attempts, holder, format, reason, error } = row;
  return {
    ...{ id: String(id), state, key, attempt, attempts, holder, format, reason },
    headers: headers === null ? null : JSON.parse(String(headers)),
    error: error === null ? null : JSON.parse(String(error)),
    priority: 9 - Number(row.urgency),
    ...{ enqueuedAt: row.enqueued_at, dueAt: row.due_at, expiresAt: row.expires_at },
    ...{ from: row.sender, bodyBytes: row.body_bytes, failedAt: row.failed_at },
    cut: bodyOf(row).length,
  };
}

/** SQLite says null for a piece of an empty blob. */
function bodyOf({ body }: Row): Uint8Array {
  return (body as Uint8Array | null) ?? EMPTY;
}

/** What people do to many messages at once: some at a time, so that nobody waits long behind it. */

import type { Outcome } from "./calls.ts";
import type { Database, Statement } from "./driver.ts";
import { idOf } from "./leases.ts";
import { STATES } from "./looks.ts";
import { COLUMNS, type Message, messageOf, type Places } from "./places.ts";
import { STATE, type State, type Tally } from "./tally.ts";
import type { QueueState } from "./terms.ts";

const AT_ONCE = 500;
const ALL: readonly State[] = [0, 1, 2, 3, 4];

export class Clearing {
  readonly #tally: Tally;
  readonly #places: Places;
  readonly #dead: Statement;
  readonly #ofState: Statement;

  constructor(db: Database, tally: Tally, places: Places) {
    this.#tally = tally;
    this.#places = places;
    const place = `SELECT ${COLUMNS} FROM messages INDEXED BY place WHERE queue = ? AND state = ?`;
    this.#dead = db.prepare(`${place} AND failed_at <= ? ORDER BY urgency, id LIMIT ${AT_ONCE}`);
    this.#ofState = db.prepare(
      `${place} AND enqueued_at <= ? ORDER BY urgency, id LIMIT ${AT_ONCE}`,
    );
  }

  /** Those that died before `since`: one that dies again meanwhile stays dead. */
  retry(queue: string, id: string | null, since: number, now: number): Outcome {
    const found =
      id === null
        ? this.#dead.all(queue, STATE.dead, since).map(messageOf)
        : this.#one(queue, id, [STATE.dead]);
    for (const message of found) {
      const state = this.#places.entrance(queue, message.key, now, now);
      this.#places.move(message, { state, attempt: 0, dueAt: now }, now);
    }
    return { value: found.length, isPart: found.length === AT_ONCE };
  }

  /** Those that came before `since`. */
  purge(
    queue: string,
    state: string | null,
    id: string | null,
    since: number,
    now: number,
  ): Outcome {
    const states = state === null ? ALL : STATES[state as QueueState];
    const found = id === null ? this.#some(queue, states, since) : this.#one(queue, id, states);
    for (const { id: each } of found) {
      // One before it may have moved it on.
      const message = this.#places.find(each);
      if (message !== null) this.#places.remove(message, now);
    }
    return { value: found.length, isPart: id === null && found.length > 0 };
  }

  #one(queue: string, id: string, states: readonly State[]): readonly Message[] {
    const message = this.#places.find(idOf(id));
    if (message === null || message.queue !== queue) return [];
    return states.includes(message.state) ? [message] : [];
  }

  #some(queue: string, states: readonly State[], since: number): readonly Message[] {
    const present = this.#tally.statesOf(queue);
    for (const state of states) {
      if (present[state] === 0) continue;
      const found = this.#ofState.all(queue, state, since).map(messageOf);
      if (found.length > 0) return found;
    }
    return [];
  }
}

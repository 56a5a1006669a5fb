/** What time brings: delayed messages become ready, others expire, what was remembered is forgotten. */

import type { Adding } from "./adding.ts";
import type { Database, Statement } from "./driver.ts";
import type { Onces } from "./onces.ts";
import { COLUMNS, messageOf, type Places } from "./places.ts";
import { STATE, type Tally } from "./tally.ts";

/** Of each kind at a time: calls that wait come in between. */
const AT_ONCE = 500;
const FORGET_EVERY_MS = 15_000;

export class Sweep {
  readonly #tally: Tally;
  readonly #places: Places;
  readonly #onces: Onces;
  readonly #adding: Adding;
  readonly #due: Statement;
  readonly #expired: Statement;
  readonly #nextDue: Statement;
  readonly #nextExpiry: Statement;
  #forgetAt = 0;

  constructor(db: Database, tally: Tally, places: Places, onces: Onces, adding: Adding) {
    this.#tally = tally;
    this.#places = places;
    this.#onces = onces;
    this.#adding = adding;
    const delayed = "FROM messages INDEXED BY due WHERE state = 1";
    const mortal = "FROM messages INDEXED BY expiry WHERE expires_at IS NOT NULL AND state < 3";
    this.#due = db.prepare(
      `SELECT ${COLUMNS} ${delayed} AND due_at <= ? ORDER BY due_at LIMIT ${AT_ONCE}`,
    );
    this.#expired = db.prepare(
      `SELECT ${COLUMNS} ${mortal} AND expires_at <= ? ORDER BY expires_at LIMIT ${AT_ONCE}`,
    );
    this.#nextDue = db.prepare(`SELECT min(due_at) AS at ${delayed}`);
    this.#nextExpiry = db.prepare(`SELECT min(expires_at) AS at ${mortal}`);
  }

  /** When there is something to do; null: never, as things are. */
  get nextAt(): number | null {
    const remembers = this.#onces.size > 0 || this.#adding.dedupes > 0;
    const at = Math.min(this.#places.nextAt, remembers ? this.#forgetAt : Number.POSITIVE_INFINITY);
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  /** Does a part of it; `nextAt` says when the rest is to be done. */
  run(now: number): void {
    for (const row of this.#expired.all(now)) {
      // Only one that was blocked is moved on by those before it, and it expires all the same.
      const message = this.#places.find(Number(row.id));
      if (message === null) continue;
      this.#places.remove(message, now);
      this.#tally.count("expired");
    }
    for (const row of this.#due.all(now)) {
      this.#places.move(messageOf(row), { state: STATE.ready }, now);
    }
    this.#places.nextAt = Math.min(...[this.#nextDue, this.#nextExpiry].map(instantOf));
    if (now < this.#forgetAt) return;
    const isMore = [this.#onces.forget(now), this.#adding.forget(now)].includes(true);
    this.#forgetAt = isMore ? now : now + FORGET_EVERY_MS;
  }

  /** It failed, and is tried again then: what it has said of the next time was said before it was rolled back. */
  postpone(until: number): void {
    this.#places.nextAt = until;
    this.#forgetAt = until;
  }
}

function instantOf(statement: Statement): number {
  const at = statement.get()?.at;
  return typeof at === "number" ? at : Number.POSITIVE_INFINITY;
}

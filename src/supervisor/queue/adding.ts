/** New messages: stored once each, and never more than there may be. */

import type { AddCall, Outcome } from "./calls.ts";
import type { Database, Statement } from "./driver.ts";
import type { Onces } from "./onces.ts";
import type { Places } from "./places.ts";
import { STATE, type Tally } from "./tally.ts";

interface Limits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

export class Adding {
  readonly #tally: Tally;
  readonly #places: Places;
  readonly #onces: Onces;
  readonly #limits: Limits;
  readonly #insert: Statement;
  readonly #insertContent: Statement;
  readonly #findDedupe: Statement;
  readonly #setDedupe: Statement;
  readonly #removeDedupes: Statement;
  #dedupes: number;

  constructor(db: Database, tally: Tally, places: Places, onces: Onces, limits: Limits) {
    this.#tally = tally;
    this.#places = places;
    this.#onces = onces;
    this.#limits = limits;
    this.#insert = db.prepare(`INSERT INTO messages (queue, state, urgency, bytes, key, due_at,
      expires_at, attempt, attempts, enqueued_at, sender) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)`);
    this.#insertContent = db.prepare(
      "INSERT INTO contents (id, format, headers, body) VALUES (?, ?, ?, ?)",
    );
    this.#findDedupe = db.prepare("SELECT id, until FROM dedupes WHERE queue = ? AND text = ?");
    this.#setDedupe = db.prepare(
      "INSERT OR REPLACE INTO dedupes (queue, text, id, until) VALUES (?, ?, ?, ?)",
    );
    this.#removeDedupes = db.prepare(`DELETE FROM dedupes WHERE (queue, text) IN
      (SELECT queue, text FROM dedupes WHERE until <= ? ORDER BY until LIMIT 1000)`);
    this.#dedupes = Number(
      db.prepare("SELECT count(*) AS all_of_them FROM dedupes").get()?.all_of_them,
    );
  }

  get dedupes(): number {
    return this.#dedupes;
  }

  add(call: AddCall, body: Uint8Array, now: number): Outcome {
    const [, , queue, once, key, headers, , , , , dedupe] = call;
    const known = this.#onces.idOf(once, now) ?? this.#idOfDedupe(queue, dedupe, now);
    if (known !== null) {
      this.#tally.count("duplicates");
      return { value: [known, true] };
    }
    const bytes = body.length + (headers?.length ?? 0) + (key?.length ?? 0);
    const lack = this.#lack(bytes, dedupe);
    if (lack !== null) return { refusal: ["HF_BUS_QUEUE_FULL", { queue, reason: lack }] };
    return { value: [this.#store(call, body, bytes, now), false] };
  }

  /** Texts whose window is over. True: there is more to forget. */
  forget(now: number): boolean {
    const gone = Number(this.#removeDedupes.run(now).changes);
    this.#dedupes -= gone;
    this.#tally.onUndo(() => {
      this.#dedupes += gone;
    });
    return gone === 1000;
  }

  #store(call: AddCall, body: Uint8Array, bytes: number, now: number): number {
    const [, , queue, once, key, headers, delayMs, ttlMs, priority, attempts, dedupe] = call;
    const [dedupeMs, from, format] = [call[11], call[12], call[13]];
    const dueAt = now + delayMs;
    const expiresAt = ttlMs === null ? null : now + ttlMs;
    const state = this.#places.entrance(queue, key, dueAt, now);
    const times = [dueAt, expiresAt, attempts, now] as const;
    const { lastInsertRowid } = this.#insert.run(
      ...[queue, state, 9 - priority, bytes, key, ...times, from],
    );
    const id = Number(lastInsertRowid);
    this.#insertContent.run(id, format, headers, body);
    this.#onces.add(once, id, now);
    if (dedupe !== null) this.#remember(queue, dedupe, id, now + dedupeMs);
    this.#tally.enter(queue, state, bytes);
    this.#tally.count("enqueued");
    if (state === STATE.delayed) this.#places.awaits(dueAt);
    this.#places.awaits(expiresAt);
    return id;
  }

  #idOfDedupe(queue: string, text: string | null, now: number): number | null {
    if (text === null) return null;
    const row = this.#findDedupe.get(queue, text);
    return row !== undefined && Number(row.until) > now ? Number(row.id) : null;
  }

  #remember(queue: string, text: string, id: number, until: number): void {
    const isNew = this.#findDedupe.get(queue, text) === undefined;
    this.#setDedupe.run(queue, text, id, until);
    if (!isNew) return;
    this.#dedupes += 1;
    this.#tally.onUndo(() => {
      this.#dedupes -= 1;
    });
  }

  /** What there is no room for; null: there is. */
  #lack(bytes: number, dedupe: string | null): string | null {
    const { maxMessages, maxBytes } = this.#limits;
    if (this.#tally.messages >= maxMessages)
      return `${maxMessages} messages are the most there may be`;
    if (this.#tally.bytes + bytes > maxBytes) return `${maxBytes} bytes are the most there may be`;
    if (dedupe !== null && this.#dedupes >= maxMessages) {
      return `${maxMessages} texts of "dedupe" are the most that are remembered`;
    }
    return null;
  }
}

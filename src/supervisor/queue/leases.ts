/** Messages handed out, and how that ends. */

import { isLastAttempt } from "../../core/queue/fate.ts";
import type { LeaseRow, Outcome, SettleCall } from "./calls.ts";
import { Damage, type Database, type Row, type Statement } from "./driver.ts";
import type { Message, Places } from "./places.ts";
import { STATE, type Tally } from "./tally.ts";

/** One answer carries no more, but for its first message. */
const MOST_BYTES = 8 * 1024 * 1024;

export class Leases {
  readonly #tally: Tally;
  readonly #places: Places;
  readonly #next: Statement;
  readonly #lease: Statement;
  readonly #content: Statement;
  readonly #held: Statement;

  constructor(db: Database, tally: Tally, places: Places) {
    this.#tally = tally;
    this.#places = places;
    this.#next = db.prepare(`SELECT id, bytes, key, attempt, attempts, enqueued_at
      FROM messages INDEXED BY place WHERE queue = ? AND state = 0
      AND (expires_at IS NULL OR expires_at > ?) ORDER BY urgency, id LIMIT ?`);
    this.#lease = db.prepare(
      "UPDATE messages SET state = 3, attempt = attempt + 1, holder = ? WHERE id = ?",
    );
    this.#content = db.prepare("SELECT format, headers, body FROM contents WHERE id = ?");
    this.#held = db.prepare(`SELECT id, attempt, queue, holder
      FROM messages INDEXED BY place WHERE queue = ? AND state = 3 ORDER BY urgency, id`);
  }

  take(queue: string, limit: number, holder: string, now: number): Outcome {
    const value: LeaseRow[] = [];
    const bodies: Uint8Array[] = [];
    let bytes = 0;
    for (const row of this.#next.all(queue, now, limit)) {
      bytes += Number(row.bytes);
      if (bytes > MOST_BYTES && value.length > 0) {
        this.#tally.isDue(queue);
        break;
      }
      const [lease, body] = this.#handOut(queue, row, holder);
      value.push(lease);
      bodies.push(body);
    }
    return { value, bodies };
  }

  settle([, , idText, attempt, how, delayMs, reason, error]: SettleCall, now: number): Outcome {
    const message = this.#places.find(idOf(idText));
    if (message?.state !== STATE.leased || message.attempt !== attempt) return { value: false };
    const told = { reason, error, failedAt: now };
    if (how === "done") {
      this.#places.remove(message, now);
      this.#tally.count("done");
    } else if (how === "release") {
      this.#places.giveBack(message, { attempt: attempt - 1 }, now);
    } else if (how === "dead" || isLastAttempt(attempt, message.attempts)) {
      this.#bury(message, told, now);
    } else {
      this.#places.giveBack(message, { ...told, dueAt: now + delayMs }, now);
      this.#tally.count("retried");
    }
    return { value: true };
  }

  held(): Outcome {
    const value = this.#tally.queues
      .filter((queue) => this.#tally.statesOf(queue)[STATE.leased] !== 0)
      .flatMap((queue) => this.#held.all(queue))
      .map(({ id, attempt, queue, holder }) => ({ id: String(id), attempt, queue, holder }));
    return { value };
  }

  #handOut(queue: string, row: Row, holder: string): [LeaseRow, Uint8Array] {
    const id = Number(row.id);
    this.#lease.run(holder, id);
    this.#tally.leave(queue, STATE.ready, Number(row.bytes));
    this.#tally.enter(queue, STATE.leased, Number(row.bytes));
    const { format, headers, body } = this.#content.get(id) as Row;
    const key = row.key as string | null;
    const attempt = Number(row.attempt) + 1;
    const [enqueuedAt, attempts] = [Number(row.enqueued_at), Number(row.attempts)];
    const bytes = body as Uint8Array;
    checkHeaders(id, headers as string | null);
    const terms = [headers as string | null, Number(format), enqueuedAt, attempts] as const;
    return [[String(id), attempt, key, ...terms, bytes.length], bytes];
  }

  /** It does not expire as a dead letter. */
  #bury(message: Message, told: Pick<Message, "reason" | "error" | "failedAt">, now: number): void {
    this.#places.move(message, { ...told, state: STATE.dead, holder: null, expiresAt: null }, now);
    this.#tally.count("dead");
  }
}

/** SQLite does not notice a changed byte, and the main thread reads them where a throw would end the supervisor. */
function checkHeaders(id: number, headers: string | null): void {
  if (headers === null) return;
  try {
    JSON.parse(headers);
  } catch (error) {
    throw new Damage(`the headers of message ${id} are no JSON`, { cause: error });
  }
}

/** Nobody's for what is no id. */
export function idOf(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : -1;
}

/**
 * The calls of the last 10 minutes by the text that names them: one that is said again after a lost connection is
 * not stored again. In the file they lie in the order of their messages, where a row more costs next to nothing;
 * found they are in memory. At most 500,000: then the oldest are forgotten earlier.
 */

import type { Database, Statement } from "./driver.ts";
import type { Tally } from "./tally.ts";

const KEPT_MS = 10 * 60_000;
const MOST = 500_000;
/** Of them at a time: others wait meanwhile. */
const AT_ONCE = 5000;

export class Onces {
  readonly #ids = new Map<string, number>();
  readonly #tally: Tally;
  readonly #insert: Statement;
  readonly #find: Statement;
  readonly #oldest: Statement;
  readonly #remove: Statement;

  constructor(db: Database, tally: Tally) {
    this.#tally = tally;
    this.#insert = db.prepare("INSERT INTO onces (id, text, at) VALUES (?, ?, ?)");
    this.#find = db.prepare("SELECT at FROM onces WHERE id = ?");
    this.#oldest = db.prepare(`SELECT id, text, at FROM onces ORDER BY id LIMIT ${AT_ONCE}`);
    this.#remove = db.prepare("DELETE FROM onces WHERE id <= ?");
    const next = db.prepare(`SELECT id, text FROM onces WHERE id > ? ORDER BY id LIMIT ${AT_ONCE}`);
    for (let rows = next.all(0); rows.length > 0; rows = next.all(rows.at(-1)?.id ?? 0)) {
      for (const { id, text } of rows) this.#ids.set(String(text), Number(id));
    }
  }

  get size(): number {
    return this.#ids.size;
  }

  /** The message stored for this call; null: it is a new one. */
  idOf(text: string, now: number): number | null {
    const id = this.#ids.get(text);
    if (id === undefined) return null;
    const at = this.#find.get(id)?.at;
    return at !== undefined && Number(at) > now - KEPT_MS ? id : null;
  }

  add(text: string, id: number, now: number): void {
    this.#insert.run(id, text, now);
    this.#set(text, id);
  }

  /** True: there is more to forget. */
  forget(now: number): boolean {
    const over = this.#ids.size - MOST;
    const gone = this.#oldest
      .all()
      .filter(({ at }, index) => Number(at) <= now - KEPT_MS || index < over);
    const last = gone.at(-1);
    if (last === undefined) return false;
    this.#remove.run(Number(last.id));
    for (const { text, id } of gone) {
      if (this.#ids.get(String(text)) === id) this.#set(String(text), null);
    }
    return gone.length === AT_ONCE;
  }

  #set(text: string, id: number | null): void {
    const last = this.#ids.get(text);
    if (id === null) this.#ids.delete(text);
    else this.#ids.set(text, id);
    this.#tally.onUndo(() => {
      if (last === undefined) this.#ids.delete(text);
      else this.#ids.set(text, last);
    });
  }
}

/** How many messages are where, and what became of all: kept in memory, and taken back with a transaction. */

import type { Database } from "./driver.ts";

/** A message's state in the file. Those before `leased` may still expire; all but `dead` count for the order of their key. */
export const STATE = { ready: 0, delayed: 1, blocked: 2, leased: 3, dead: 4 } as const;
export type State = (typeof STATE)[keyof typeof STATE];

export type Counter = "enqueued" | "done" | "retried" | "dead" | "expired" | "duplicates";

/** Messages by state, and their bytes. */
interface Depth {
  readonly states: [number, number, number, number, number];
  bytes: number;
}

/** As it goes to the main thread: queue, ready, delayed, leased, dead, bytes. */
export type DepthRow = readonly [string, number, number, number, number, number];

export class Tally {
  readonly counts: Record<Counter, number> = {
    ...{ enqueued: 0, done: 0, retried: 0, dead: 0, expired: 0, duplicates: 0 },
  };
  messages = 0;
  bytes = 0;
  readonly #depths = new Map<string, Depth>();
  readonly #changed = new Set<string>();
  readonly #due = new Set<string>();
  #undo: (() => void)[] = [];

  constructor(db: Database) {
    const sql = `SELECT queue, state, count(*) AS messages, sum(bytes) AS bytes
      FROM messages INDEXED BY place GROUP BY queue, state`;
    for (const { queue, state, messages, bytes } of db.prepare(sql).all()) {
      this.#change(String(queue), Number(state) as State, Number(messages), Number(bytes));
    }
  }

  get queues(): readonly string[] {
    return [...this.#depths.keys()];
  }

  enter(queue: string, state: State, bytes: number): void {
    this.#change(queue, state, 1, bytes);
    this.#undo.push(() => this.#change(queue, state, -1, -bytes));
    if (state === STATE.ready) this.#due.add(queue);
  }

  leave(queue: string, state: State, bytes: number): void {
    this.#change(queue, state, -1, -bytes);
    this.#undo.push(() => this.#change(queue, state, 1, bytes));
  }

  count(counter: Counter): void {
    this.counts[counter] += 1;
    this.#undo.push(() => {
      this.counts[counter] -= 1;
    });
  }

  /** For what else is kept in memory beside the file. */
  onUndo(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** There is more than was asked for at once. */
  isDue(queue: string): void {
    this.#due.add(queue);
  }

  /** The transaction is committed. */
  keep(): void {
    this.#undo = [];
  }

  /** The transaction was rolled back. */
  undo(): void {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo = [];
  }

  statesOf(queue: string): readonly number[] {
    return this.#depths.get(queue)?.states ?? [0, 0, 0, 0, 0];
  }

  rowOf(queue: string): DepthRow {
    const { states, bytes } = this.#depths.get(queue) ?? { states: [0, 0, 0, 0, 0], bytes: 0 };
    const [ready = 0, delayed = 0, blocked = 0, leased = 0, dead = 0] = states;
    return [queue, ready + blocked, delayed, leased, dead, bytes];
  }

  /** Of the queues that have changed since the last call. */
  changed(): DepthRow[] {
    const rows = [...this.#changed].map((queue) => this.rowOf(queue));
    this.#changed.clear();
    return rows;
  }

  /** The queues where something has become ready since the last call. */
  due(): string[] {
    const due = [...this.#due];
    this.#due.clear();
    return due;
  }

  #change(queue: string, state: State, messages: number, bytes: number): void {
    let depth = this.#depths.get(queue);
    if (depth === undefined) {
      depth = { states: [0, 0, 0, 0, 0], bytes: 0 };
      this.#depths.set(queue, depth);
    }
    depth.states[state] += messages;
    depth.bytes += bytes;
    this.messages += messages;
    this.bytes += bytes;
    this.#changed.add(queue);
    if (depth.states.every((number) => number === 0)) this.#depths.delete(queue);
  }
}

/** What ends by waiting, the earliest first: a binary heap whose entries know their place. Pure. */

/** Something with a deadline. `place` is the heap's; -1: in none. */
export interface Due {
  readonly deadline: number;
  place: number;
}

/** An answered request leaves at once, so that the heap is as long as what is open: no stale entries. */
export class Deadlines<T extends Due> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest; undefined: nothing waits. */
  first(): T | undefined {
    return this.#heap[0];
  }

  add(due: T): void {
    this.#heap.push(due);
    this.#rise(due, this.#heap.length - 1);
  }

  /** One that is not in it changes nothing. */
  remove(due: T): void {
    const place = due.place;
    if (place < 0) return;
    due.place = -1;
    const last = this.#heap.pop() as T;
    if (last === due) return;
    this.#rise(last, place);
    this.#sink(last, last.place);
  }

  #rise(due: T, from: number): void {
    let place = from;
    while (place > 0) {
      const up = (place - 1) >> 1;
      const parent = this.#heap[up] as T;
      if (parent.deadline <= due.deadline) break;
      this.#put(parent, place);
      place = up;
    }
    this.#put(due, place);
  }

  #sink(due: T, from: number): void {
    let place = from;
    for (;;) {
      let down = 2 * place + 1;
      let child = this.#heap[down];
      if (child === undefined) break;
      const other = this.#heap[down + 1];
      if (other !== undefined && other.deadline < child.deadline) {
        child = other;
        down += 1;
      }
      if (due.deadline <= child.deadline) break;
      this.#put(child, place);
      place = down;
    }
    this.#put(due, place);
  }

  #put(due: T, place: number): void {
    this.#heap[place] = due;
    due.place = place;
  }
}

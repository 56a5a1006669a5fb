/** Things in the order they came, of which any may go at any time. Pure; each step costs the same. */

/** Where something stands in a line. */
export interface Place<T> {
  readonly value: T;
  before: Place<T> | null;
  after: Place<T> | null;
}

export class Line<T> {
  #first: Place<T> | null = null;
  #last: Place<T> | null = null;

  /** The one that came before all others; null: nobody stands in it. */
  get first(): T | null {
    return this.#first?.value ?? null;
  }

  /** At its end. */
  add(value: T): Place<T> {
    const place: Place<T> = { value, before: this.#last, after: null };
    if (this.#last) this.#last.after = place;
    else this.#first = place;
    this.#last = place;
    return place;
  }

  /** A place that `add` has given, once. */
  remove({ before, after }: Place<T>): void {
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
  }
}

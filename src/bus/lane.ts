/** Work of one subscription: so many at a time, the others in the order in which they came. */

import { PassingMap } from "../core/passing-map.ts";

export class Lane<Item> {
  readonly #limit: number;
  readonly #work: (item: Item) => Promise<void> | void;
  #waiting: Item[] = [];
  #atWork = 0;
  /** By the order in which they began. */
  readonly #works = new PassingMap<number, Promise<void>>();
  #begun = 0;
  #onIdle: (() => void)[] = [];

  /** `work` neither throws nor rejects. */
  constructor(limit: number, work: (item: Item) => Promise<void> | void) {
    this.#limit = limit;
    this.#work = work;
  }

  get isIdle(): boolean {
    return this.#atWork === 0;
  }

  give(item: Item): void {
    if (this.#atWork < this.#limit) this.#begin(item);
    else this.#waiting.push(item);
  }

  /** Resolves when nothing is at work and nothing waits. */
  whenIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Resolves when what is at work now has ended, whatever comes after it. */
  async whenPresentEnded(): Promise<void> {
    await Promise.all(this.#works.values());
  }

  #begin(first: Item): void {
    // A loop: what ends at once must not begin the next one inside itself.
    for (let item: Item | undefined = first; item !== undefined; ) {
      this.#atWork += 1;
      const working = this.#work(item);
      if (working) {
        const number = this.#begun++;
        this.#works.set(number, working);
        void working.then(() => this.#ended(number));
        return;
      }
      this.#atWork -= 1;
      item = this.#waiting.shift();
    }
    if (this.isIdle) this.#tellIdle();
  }

  #ended(number: number): void {
    this.#works.delete(number);
    this.#atWork -= 1;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#begin(next);
    else if (this.isIdle) this.#tellIdle();
  }

  #tellIdle(): void {
    for (const tell of this.#onIdle.splice(0)) tell();
  }
}

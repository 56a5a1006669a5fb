/** Work of one subscription: so many at a time, the others in the order in which they came. */

export class Lane<Item> {
  readonly #limit: number;
  readonly #work: (item: Item) => Promise<void> | void;
  #waiting: Item[] = [];
  #atWork = 0;
  readonly #works = new Set<Promise<void>>();
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
    await Promise.all(this.#works);
  }

  #begin(first: Item): void {
    // A loop: what ends at once must not begin the next one inside itself.
    for (let item: Item | undefined = first; item !== undefined; ) {
      this.#atWork += 1;
      const working = this.#work(item);
      if (working) {
        this.#works.add(working);
        void working.then(() => this.#ended(working));
        return;
      }
      this.#atWork -= 1;
      item = this.#waiting.shift();
    }
    if (this.isIdle) this.#tellIdle();
  }

  #ended(working: Promise<void>): void {
    this.#works.delete(working);
    this.#atWork -= 1;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#begin(next);
    else if (this.isIdle) this.#tellIdle();
  }

  #tellIdle(): void {
    for (const tell of this.#onIdle.splice(0)) tell();
  }
}

/** Which of several addresses is tried next, and whether at once: one after the other, in rounds. Pure. */

export class Round {
  /** Places in the list of addresses, those that refuse left out. */
  readonly #live: number[];
  #at: number;
  /** In a row. */
  #failures = 0;

  /** `random` in [0, 1): where to begin, so that not all begin with the same one. */
  constructor(size: number, random: number) {
    this.#live = Array.from({ length: size }, (_, place) => place);
    this.#at = Math.floor(random * size);
  }

  /** The place of the address whose turn it is; null: all have refused. */
  get current(): number | null {
    return this.#live[this.#at] ?? null;
  }

  has(place: number): boolean {
    return this.#live.includes(place);
  }

  /**
   * It could not be reached, or is lost: the next one has its turn. Gives how many whole rounds in a row have failed
   * where one has just ended, and 0 where the next is to be tried at once. `wasSound`: the connection held for long,
   * and the failures before it do not count any more.
   */
  failed(wasSound: boolean): number {
    this.#failures = wasSound ? 1 : this.#failures + 1;
    this.#at = (this.#at + 1) % this.#live.length;
    const { length } = this.#live;
    return this.#failures % length === 0 ? this.#failures / length : 0;
  }

  /** The one whose turn it is does not want us: it has none any more, and the next one has its turn, at once. */
  refused(): void {
    this.#live.splice(this.#at, 1);
    if (this.#at >= this.#live.length) this.#at = 0;
  }
}

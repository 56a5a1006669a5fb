/** Which of several addresses is tried next, and whether at once: one after the other, in rounds. Pure. */

export class Round {
  /** Places in the list of addresses, those that refuse or rest left out. */
  readonly #live: number[];
  readonly #resting: { readonly place: number; readonly until: number }[] = [];
  #at: number;
  /** In a row. */
  #failures = 0;

  /** `random` in [0, 1): where to begin, so that not all begin with the same one. */
  constructor(size: number, random: number) {
    this.#live = Array.from({ length: size }, (_, place) => place);
    this.#at = Math.floor(random * size);
  }

  /** The place of the address whose turn it is; null: all have refused, or rest. */
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

  /** The same, but until then only. */
  rest(until: number): void {
    const place = this.current;
    if (place !== null) this.#resting.push({ place, until });
    this.refused();
  }

  /** When the first of those that rest is to be tried again; null: none rests. */
  get restsUntil(): number | null {
    const first = this.#resting.map(({ until }) => until).sort((one, other) => one - other)[0];
    return first ?? null;
  }

  /** Those that have rested long enough by `now` have their turns again, after the others. */
  wake(now: number): void {
    for (const one of this.#resting.filter(({ until }) => until <= now)) {
      this.#resting.splice(this.#resting.indexOf(one), 1);
      this.#live.push(one.place);
    }
  }
}

/** What waits in its order: the first goes without all others being moved, however many there are. Pure. */

/** So many that are gone lie at the front at most, as long as they are the fewer. */
const MOST_GONE = 1000;

export class Backlog<Item extends object> implements Iterable<Item> {
  #items: (Item | undefined)[] = [];
  #gone = 0;

  get length(): number {
    return this.#items.length - this.#gone;
  }

  at(place: number): Item | undefined {
    return this.#items[this.#gone + place];
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    const item = this.at(0);
    if (!item) return undefined;
    // What it holds is not kept.
    this.#items[this.#gone] = undefined;
    this.#gone += 1;
    const isMost = this.#gone * 2 > this.#items.length;
    if (this.length === 0 || (this.#gone > MOST_GONE && isMost)) {
      this.#items = this.#items.slice(this.#gone);
      this.#gone = 0;
    }
    return item;
  }

  /** All from the first on for which it is so, where it is so for all after that one. */
  from(isSo: (item: Item) => boolean): readonly Item[] {
    let [low, high] = [this.#gone, this.#items.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (isSo(this.#items[middle] as Item)) high = middle;
      else low = middle + 1;
    }
    return this.#items.slice(low) as Item[];
  }

  /** Only those stay. */
  keep(isKept: (item: Item) => boolean): void {
    this.#items = [...this].filter(isKept);
    this.#gone = 0;
  }

  *[Symbol.iterator](): Generator<Item> {
    for (let place = 0; place < this.length; place += 1) yield this.at(place) as Item;
  }
}

/** Chance that can be had again: the same seed gives the same numbers. */

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to 1, without it (splitmix32). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both bounds among them. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  /** One of these, each as often as its weight says. */
  pick<T extends string>(weights: Readonly<Record<T, number>>, among: readonly T[]): T {
    const sum = among.reduce((total, each) => total + weights[each], 0);
    let left = this.next() * sum;
    for (const each of among) {
      left -= weights[each];
      if (left < 0) return each;
    }
    return among.at(-1) as T;
  }
}

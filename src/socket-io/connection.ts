/** Which connection to the bus a member has, and since when. */

/** Others may be there again only so much later. */
const BACK_WITHIN_MS = 15_000;

export class Connection {
  #number = 1;
  /** When the one that was lost was there again; infinity: it is not. */
  #upAt = Number.NEGATIVE_INFINITY;

  /** What belongs to one is not mistaken for that of another. */
  get number(): number {
    return this.#number;
  }

  /** It is lost, or has been there again for so short that others may not be. */
  get isFresh(): boolean {
    return performance.now() - this.#upAt < BACK_WITHIN_MS;
  }

  /** There was none that one could have taken part by: the next is another one. */
  next(): void {
    this.#number += 1;
  }

  lost(): void {
    this.next();
    this.#upAt = Number.POSITIVE_INFINITY;
  }

  again(): void {
    this.#upAt = performance.now();
  }
}

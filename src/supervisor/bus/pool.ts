/** What waits for all clients from other machines together: each has its bound, and there may be many of them. */

const MOST_BYTES = 256 * 1024 * 1024;
/** So much may wait for each, however much waits for the others. */
const EACH_BYTES = 1024 * 1024;

export class Pool {
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = mostBytes;
  }

  get isFull(): boolean {
    return this.#bytes > this.#mostBytes;
  }

  /** So many bytes more wait; fewer where it is negative. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Whether less is to wait for the one for whom so much does. */
  isOver(bytes: number): boolean {
    return this.isFull && bytes > EACH_BYTES;
  }
}

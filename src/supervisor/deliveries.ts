/**
 * Sockets on their way to workers. Who leaves an address waits until those that stay have it: were the supervisor
 * killed in between, nobody would hold it.
 */

/** A worker that takes nothing is busy or stopped: those that leave do not wait longer. Milliseconds. */
const ARRIVES_WITHIN_MS = 250;

export class Deliveries {
  readonly #waiting: (() => void)[] = [];
  readonly #underWay = new Set<symbol>();
  #timer: NodeJS.Timeout | null = null;

  /** One is sent; call what is returned when it is there, or never will be. */
  begin(): () => void {
    const delivery = Symbol();
    this.#underWay.add(delivery);
    return () => {
      if (this.#underWay.delete(delivery) && this.#underWay.size === 0) this.#release();
    };
  }

  /** At once where nothing is under way; in the order of the calls. */
  after(act: () => void): void {
    if (this.#underWay.size === 0 && this.#waiting.length === 0) return act();
    this.#waiting.push(act);
    this.#timer ??= setTimeout(() => this.#release(), ARRIVES_WITHIN_MS);
  }

  #release(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    // Of a worker that died meanwhile nobody may ever hear.
    this.#underWay.clear();
    for (const act of this.#waiting.splice(0)) act();
  }
}

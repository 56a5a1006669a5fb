/** Counts what the process is to stay for: subscriptions, as a listening server does, and what is under way. */

export class KeepAlive {
  readonly #changed: (isWanted: boolean) => void;
  #holds = 0;
  #onReleased: (() => void)[] = [];

  constructor(changed: (isWanted: boolean) => void) {
    this.#changed = changed;
  }

  hold(): void {
    this.#holds += 1;
    if (this.#holds === 1) this.#changed(true);
  }

  /** Each `hold` is released once. */
  release(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    this.#changed(false);
    for (const tell of this.#onReleased.splice(0)) tell();
  }

  /** Resolves when nothing holds the process. */
  whenReleased(): Promise<void> {
    if (this.#holds === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onReleased.push(resolve));
  }
}

/**
 * Looks after a process that has no link. Only a parent is told of a process's end: all others look. What has lost
 * its link has mostly ended, so the first looks follow one another fast.
 */

/** A look costs some ten microseconds. */
const FAST_MS = 5;
const SLOW_MS = 50;
/** A process that was killed is gone some milliseconds after its link. */
export const FAST_FOR_MS = 500;
/** More between two looks is time in which this process itself stood still, and may have missed who was back. */
const COUNTED_MAX_MS = 2 * SLOW_MS;

export interface Watched {
  isThere(): boolean;
  gone(): void;
}

export class Vigil {
  readonly #watched: Watched;
  readonly #withinMs: number;
  #late: (() => void) | null = null;
  #waitedMs = 0;
  #lookedAt = 0;
  #fastForMs = 0;
  #timer: NodeJS.Timeout | null = null;

  /** Who is there and not back `withinMs` after its vigil began is late. */
  constructor(watched: Watched, withinMs: number) {
    this.#watched = watched;
    this.#withinMs = withinMs;
  }

  /** Looks at once and from now on, fast for `fastForMs`; `late` is called once. A vigil under way ends. */
  begin(fastForMs: number, late: (() => void) | null): void {
    this.#waitedMs = 0;
    this.#lookedAt = performance.now();
    this.#fastForMs = fastForMs;
    this.#late = late;
    this.#look();
  }

  end(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    this.end();
    if (!this.#watched.isThere()) return this.#watched.gone();
    const now = performance.now();
    this.#waitedMs += Math.min(COUNTED_MAX_MS, now - this.#lookedAt);
    this.#lookedAt = now;
    const pace = this.#waitedMs < this.#fastForMs ? FAST_MS : SLOW_MS;
    this.#timer = setTimeout(() => this.#look(), pace);
    if (this.#waitedMs < this.#withinMs) return;
    const late = this.#late;
    this.#late = null;
    // It may begin another vigil, or end this one.
    late?.();
  }
}

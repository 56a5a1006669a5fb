/** Questions to all members, until each has answered, is gone, or the time is over. */

export interface Asking {
  /** Who is to answer. */
  readonly members: Iterable<string>;
  readonly timeoutMs: number;
  /** An answer has come, or something that belongs to it. */
  heard(from: string, value: unknown): void;
  /** A member is gone before it has answered. */
  lost?(from: string): void;
  /** All have answered or are gone; or else these have not. */
  ended(missing: readonly string[]): void;
}

interface Open {
  readonly asking: Asking;
  readonly missing: Set<string>;
  readonly timer: NodeJS.Timeout;
}

export class Asks {
  readonly #open = new Map<number, Open>();
  #last = 0;

  /** Gives back the question's number. */
  begin(asking: Asking): number {
    this.#last += 1;
    const id = this.#last;
    const missing = new Set(asking.members);
    const timer = setTimeout(() => this.#end(id), asking.timeoutMs);
    timer.unref();
    this.#open.set(id, { asking, missing, timer });
    if (missing.size === 0) this.#end(id);
    return id;
  }

  /** `isLast`: nothing more comes from this member. */
  heard(id: number, from: string, value: unknown, isLast: boolean): void {
    const open = this.#open.get(id);
    if (!open?.missing.has(from)) return;
    if (isLast) open.missing.delete(from);
    open.asking.heard(from, value);
    if (open.missing.size === 0) this.#end(id);
  }

  gone(member: string): void {
    for (const [id, { asking, missing }] of [...this.#open]) {
      if (!missing.delete(member)) continue;
      asking.lost?.(member);
      if (missing.size === 0) this.#end(id);
    }
  }

  #end(id: number): void {
    const open = this.#open.get(id);
    if (!open) return;
    this.#open.delete(id);
    clearTimeout(open.timer);
    open.asking.ended([...open.missing]);
  }
}

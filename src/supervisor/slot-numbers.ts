/** A number for each slot of each app, for scripts that know a process by one: PM2's `pm_id`. */

/** Counted up as slots appear; a slot keeps its number as long as its app is there, and no number is given twice. */
export class SlotNumbers {
  readonly #numbers = new Map<string, number[]>();
  #next = 0;

  /** The number of a slot. `apps` that are no longer there are forgotten by `keepOnly`. */
  of(app: string, slot: number): number {
    const numbers = this.#numbers.get(app) ?? [];
    this.#numbers.set(app, numbers);
    // Lower slots come first, whichever is asked for.
    while (numbers.length <= slot) numbers.push(this.#next++);
    return numbers[slot] as number;
  }

  keepOnly(apps: readonly string[]): void {
    for (const app of this.#numbers.keys()) if (!apps.includes(app)) this.#numbers.delete(app);
  }
}

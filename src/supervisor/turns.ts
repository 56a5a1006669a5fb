/** What changes the options of one app comes one after the other; other apps do not wait for it. */

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Calls `act` when all that was begun before for any of these names has ended; at once where nothing was. */
  after<T>(names: readonly string[], act: () => Promise<T>): Promise<T> {
    const before = this.#before(names);
    const work = before.length === 0 ? act() : Promise.all(before).then(act);
    this.#hold(names, work);
    return work;
  }

  /** Calls `act` at once; those that come later wait for it as well. */
  meanwhile<T>(names: readonly string[], act: () => Promise<T>): Promise<T> {
    const before = this.#before(names);
    const work = act();
    this.#hold(names, Promise.allSettled([work, ...before]));
    return work;
  }

  #before(names: readonly string[]): readonly Promise<unknown>[] {
    return names.flatMap((name) => this.#last.get(name) ?? []);
  }

  #hold(names: readonly string[], work: Promise<unknown>): void {
    // A failure is its caller's to hear; who comes next only waits for the end.
    const end = work.then(
      () => {},
      () => {},
    );
    for (const name of names) this.#last.set(name, end);
    void end.then(() => {
      for (const name of names) if (this.#last.get(name) === end) this.#last.delete(name);
    });
  }
}

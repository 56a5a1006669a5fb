/** Faults of log files, each told once until it is gone: a full disk must not fill the log as well. */

export type FaultKind = "open" | "disk" | "rotate";

export interface Fault {
  readonly app: string;
  readonly path: string;
  readonly kind: FaultKind;
  /** What the system said. */
  readonly what: string;
}

export class FaultBook {
  readonly #open = new Set<string>();
  readonly #listeners: ((fault: Fault) => void)[] = [];

  listen(listener: (fault: Fault) => void): void {
    this.#listeners.push(listener);
  }

  report(fault: Fault): void {
    const key = `${fault.kind} ${fault.path}`;
    if (this.#open.has(key)) return;
    this.#open.add(key);
    for (const tell of this.#listeners) tell(fault);
  }

  mended(path: string, kind: FaultKind): void {
    this.#open.delete(`${kind} ${path}`);
  }
}

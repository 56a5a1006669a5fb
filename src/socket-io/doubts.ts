/**
 * Members whose end nobody tells, as they are no workers, or as it came while there was no connection: one that owes an
 * answer is asked for a sign of life, and is gone where it gives none. Who owes nothing is not asked.
 */

const LOOK_EVERY_MS = 500;
/** Counted in looks: what comes while this process itself was stuck is heard before the next one. */
const GONE_AFTER_LOOKS = 4;

export interface DoubtsPort {
  /** Asks the member for a sign of life. */
  ask(member: string): void;
  /** It has given none. */
  gone(member: string): void;
}

export class Doubts {
  readonly #port: DoubtsPort;
  readonly #open = new Map<string, NodeJS.Timeout>();

  constructor(port: DoubtsPort) {
    this.#port = port;
  }

  /** It owes an answer, or after a new connection its hello. */
  about(member: string): void {
    if (this.#open.has(member)) return;
    let looks = 0;
    const look = (): void => {
      looks += 1;
      if (looks < GONE_AFTER_LOOKS) return;
      this.settle(member);
      this.#port.gone(member);
    };
    this.#open.set(member, setInterval(look, LOOK_EVERY_MS).unref());
    this.#port.ask(member);
  }

  /** It has said something. */
  settle(member: string): void {
    clearInterval(this.#open.get(member));
    this.#open.delete(member);
  }

  /** Nobody can be heard for now. */
  clear(): void {
    for (const member of [...this.#open.keys()]) this.settle(member);
  }
}

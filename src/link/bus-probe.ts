/** Asks the other side now and then whether it is there: a machine that stands still or is cut off closes no connection. */

import { BUS, type BusFrame, bareFrame, FETCHED } from "./bus-frames.ts";
import type { BusLink } from "./bus-link.ts";

export interface ProbeTerms {
  /** From one question to the next; the other side may count on hearing them. */
  readonly everyMs: number;
  /** Nothing heard for so long after a question, whatever it is: the link ends. Shorter than `everyMs`. */
  readonly withinMs: number;
}

/** No client counts its own calls so high. */
const NUMBER = FETCHED;

export class Probe {
  readonly #link: BusLink;
  readonly #terms: ProbeTerms;
  #timer: NodeJS.Timeout | null = null;
  #isHeard = true;

  constructor(link: BusLink, terms: ProbeTerms) {
    this.#link = link;
    this.#terms = terms;
    this.#in(terms.everyMs, () => this.#ask());
  }

  /** Something has come. */
  heard(): void {
    this.#isHeard = true;
  }

  isAnswer({ kind, id }: BusFrame): boolean {
    return kind === BUS.done && id === NUMBER;
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #ask(): void {
    const { everyMs, withinMs } = this.#terms;
    this.#isHeard = false;
    this.#link.send(bareFrame(BUS.sync, NUMBER));
    this.#in(withinMs, () => {
      if (this.#isHeard) return this.#in(everyMs - withinMs, () => this.#ask());
      this.#link.destroy(`the other side has not answered for ${withinMs} ms`);
    });
  }

  /** After what came meanwhile has been read: in a process that stood still, the silence may be its own. */
  #in(ms: number, act: () => void): void {
    const isWanted = (): boolean => this.#timer === timer;
    const timer = setTimeout(() => setImmediate(() => isWanted() && act()), ms).unref();
    this.#timer = timer;
  }
}

/** Telling the supervisor that nothing more is to be shared out to this process. */

import { BUS } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import { frameOf } from "./frames-out.ts";

export class Leaving {
  #waiting: (() => void)[] = [];

  /** Resolves when nothing more is shared out, at once where there is no connection to get it by. */
  ask(link: BusLink | null): Promise<void> {
    if (link === null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      link.send(frameOf(BUS.leave, 0));
    });
  }

  /** The supervisor has said so, or is gone. */
  done(): void {
    for (const tell of this.#waiting.splice(0)) tell();
  }
}

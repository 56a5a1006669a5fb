/** A supervisor in the background that ends alone, at a signal: its workers serve on until the next one adopts them. */

import type { Logger } from "../logs/log.ts";
import type { Background } from "../supervisor/background.ts";
import { LEAVE_SIGNAL } from "./signals.ts";

export class Departure {
  /** Resolves when it has begun. */
  readonly begun: Promise<"nobody">;
  readonly #background: Background;
  readonly #log: Logger;
  #isCalledOff = false;
  #begin: (successor: "nobody") => void = () => {};

  constructor(background: Background, log: Logger) {
    this.#background = background;
    this.#log = log;
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  /** Begins it; gives why that cannot be, null where it is so. */
  readonly begin = (): string | null => {
    const reason = this.#background.bond();
    if (reason !== null) return reason;
    this.#log.info(
      { signal: LEAVE_SIGNAL },
      "stepping down: workers serve on until the next supervisor adopts them",
    );
    // From this very moment: the next signal may be there already.
    this.#background.supervisor.once("stopping", () => {
      this.#isCalledOff = true;
    });
    this.#begin("nobody");
    return null;
  };

  /** Ends this process with status 0. Where a signal to stop came meanwhile it resolves when all is `stopped`. */
  async end(stopped: Promise<void>): Promise<void> {
    // Workers tie it to the event loop, and must not keep it.
    if (await this.#background.leave(() => this.#isCalledOff)) process.exit(0);
    await stopped;
  }
}

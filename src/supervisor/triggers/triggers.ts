/** What replaces workers without being asked to: a time, changed files, a limit, a failing probe. */

import { Cron } from "croner";
import type { AppOptions } from "../../config/app.ts";
import type { Pulse } from "../pulse.ts";
import { Limits, WEIGH_EVERY_MS, type Weighing } from "./limits.ts";
import { watch } from "./watch.ts";

/** What triggers need of their app. */
export interface Triggered extends Weighing {
  reload(trigger: "cron" | "watch", why: string): void;
  fault(trigger: "cron" | "watch", fault: string): void;
}

export class Triggers {
  readonly #app: Triggered;
  readonly #pulse: Pulse;
  #limits: Limits | null = null;
  #isWeighing = false;
  #disarm: (() => void)[] = [];

  constructor(app: Triggered, pulse: Pulse) {
    this.#app = app;
    this.#pulse = pulse;
  }

  /** From now on as these options say; what was armed before is not any more. */
  arm(options: AppOptions): void {
    this.disarm();
    const { cron, watch: watched, cwd } = options;
    if (cron !== null) {
      const due = (): void => this.#app.reload("cron", `the time of "${cron}" has come`);
      const job = new Cron(cron, { unref: true }, due);
      this.#disarm.push(() => job.stop());
    }
    if (watched !== null) {
      const changed = (path: string): void => this.#app.reload("watch", `${path} has changed`);
      const failed = (fault: string): void => this.#app.fault("watch", fault);
      this.#disarm.push(watch(cwd, watched, changed, failed));
    }
    this.#limits = new Limits(this.#app, options);
    if (this.#limits.isNeeded) this.weigh();
  }

  disarm(): void {
    for (const end of this.#disarm.splice(0)) end();
    this.#limits = null;
    this.#isWeighing = false;
  }

  /** Looks at all workers now, and from now on again and again: one of them may be unwell. */
  weigh(): void {
    const limits = this.#limits;
    if (!limits) return;
    limits.look();
    // Looking may have ended it all.
    if (this.#isWeighing || this.#limits !== limits) return;
    this.#isWeighing = true;
    this.#disarm.push(this.#pulse.add(WEIGH_EVERY_MS, () => limits.look()));
  }
}

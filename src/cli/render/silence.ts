/** Says what is waited for while nothing happens: a command that is silent looks as if it hung. */

import type { Step } from "./step.ts";
import { humanDuration } from "./units.ts";

const SILENT_AFTER_MS = 2000;
const EVERY_MS = 1000;

export class Silence {
  readonly #say: (text: string) => void;
  readonly #repeats: boolean;
  /** The last step of each slot, the latest at the end. */
  readonly #steps = new Map<string, Step>();
  #since = 0;
  #timer: NodeJS.Timeout | null = null;

  /** Calls back with a line after two seconds without a step; where it `repeats` each second again, until the next step. */
  constructor(say: (text: string) => void, { repeats }: { repeats: boolean }) {
    this.#say = say;
    this.#repeats = repeats;
  }

  heard(step: Step): void {
    this.#steps.delete(step.key);
    this.#steps.set(step.key, step);
    this.#since = performance.now();
    this.#arm(SILENT_AFTER_MS);
  }

  end(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(ms: number): void {
    this.end();
    this.#timer = setTimeout(() => this.#tick(), ms).unref();
  }

  #tick(): void {
    const text = waitingText([...this.#steps.values()], performance.now() - this.#since);
    if (text !== null) this.#say(text);
    if (this.#repeats) this.#arm(EVERY_MS);
  }
}

/** Of the latest step after which something is waited for; null where there is none. */
function waitingText(steps: readonly Step[], silentMs: number): string | null {
  const step = steps.findLast(({ waits }) => waits !== null);
  if (!step) return null;
  const seconds = humanDuration(Math.round(silentMs / 1000) * 1000);
  return `${step.label} nothing new for ${seconds}: waiting ${step.waits}; Ctrl-C ends the waiting, not the work`;
}

/** A message of a durable queue at work in this process, until the supervisor has its end. */

import type { BusFrame, Head } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import { headersOf } from "./delivery.ts";
import type { QueueWork } from "./queue-api.ts";
import { retryAfterOf } from "./queue-options.ts";
import { tellError } from "./remote-error.ts";

/** So long after a handler's time the supervisor still takes its end. */
const LATE_MS = 5000;

export class Leased {
  readonly frame: BusFrame;
  readonly id: string;
  readonly attempt: number;
  /** Which store it is of: ids of different ones may be the same. */
  readonly store: string;
  /** In ms since 1970. */
  readonly deadline: number;
  /** How it has ended; null: its handler is at work. */
  end: Head | null = null;
  /** How often its end was said. */
  said = 0;
  readonly #link: BusLink;
  #controller: AbortController | null = null;
  #timer: NodeJS.Timeout | null = null;
  #reason: Error | null = null;

  constructor(frame: BusFrame, link: BusLink, now: number) {
    this.frame = frame;
    this.#link = link;
    const { message, attempt, store, timeoutMs } = frame.head ?? {};
    this.id = String(message);
    this.attempt = Number(attempt);
    this.store = String(store);
    this.deadline = now + Number(timeoutMs);
  }

  get key(): string {
    return `${this.store} ${this.id}/${this.attempt}`;
  }

  /** As the supervisor is told of it after a lost connection. */
  get claim(): readonly [string, number, string] {
    return [this.id, this.attempt, this.store];
  }

  /** Whether the supervisor would still take its end. */
  isInTime(now: number): boolean {
    return now < this.deadline + LATE_MS;
  }

  /** What the handler sees of it. */
  work(): QueueWork {
    const signal = (): AbortSignal => this.#signal();
    const { subject: queue, head } = this.frame;
    return {
      ...{ id: this.id, queue, attempt: this.attempt, deadline: this.deadline },
      key: typeof head?.key === "string" ? head.key : null,
      headers: headersOf(head?.headers),
      enqueuedAt: Number(head?.enqueuedAt),
      get signal() {
        return signal();
      },
    };
  }

  /** Its handler has returned, or has thrown something. */
  ended(thrown: { readonly error: unknown } | null): void {
    this.#stopTimer();
    this.#link.worked(this.frame.bytes);
    const { id: message, attempt, store } = this;
    this.end = { message, attempt, store, ...(thrown ? failureOf(thrown.error) : { how: "done" }) };
  }

  /** The message is not this process's any more. */
  cancel(why: string, name = "AbortError"): void {
    if (this.#reason) return;
    this.#reason = new DOMException(why, name);
    this.#stopTimer();
    this.#controller?.abort(this.#reason);
  }

  #signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
      else this.#timeDeadline();
    }
    return this.#controller.signal;
  }

  #timeDeadline(): void {
    const late = (): void => this.cancel("the handler has taken its time", "TimeoutError");
    this.#timer = setTimeout(late, Math.max(0, this.deadline - Date.now()));
    this.#timer.unref();
  }

  #stopTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

function failureOf(error: unknown): Head {
  const isFinal = (error as { dead?: unknown } | null | undefined)?.dead === true;
  const delayMs = retryAfterOf(error);
  return {
    how: isFinal ? "dead" : "retry",
    error: tellError(error),
    ...(delayMs === null ? {} : { delayMs }),
  };
}

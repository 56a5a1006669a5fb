/** What comes to handlers: messages and requests, each with the credit that is given back when all is done. */

import type { BusFrame } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import type { BusMessage, BusRequest, Sender } from "./api.ts";

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
/** In place of a sender that is not known. */
export const NOBODY: Sender = Object.freeze({
  ...{ member: 0, app: null, slot: null, worker: null, name: null },
});

/** A frame for one or more handlers: the supervisor may send as much again when the last of them has ended. */
export class Delivery {
  readonly frame: BusFrame;
  readonly link: BusLink;
  #left: number;

  constructor(frame: BusFrame, link: BusLink, handlers: number) {
    this.frame = frame;
    this.link = link;
    this.#left = handlers;
  }

  ended(): void {
    this.#left -= 1;
    if (this.#left === 0) this.link.worked(this.frame.bytes);
  }
}

export function messageOf({ subject, head }: BusFrame): BusMessage {
  return { subject, from: senderOf(head?.from), headers: headersOf(head?.headers) };
}

export function senderOf(value: unknown): Sender {
  return typeof value === "object" && value !== null ? (value as Sender) : NOBODY;
}

/** A request at work. Its signal is made when it is asked for: most handlers never do. */
export class Work {
  readonly frame: BusFrame;
  readonly link: BusLink;
  /** In ms since 1970. */
  readonly deadline: number;
  #controller: AbortController | null = null;
  #timer: NodeJS.Timeout | null = null;
  #reason: Error | null = null;

  constructor(frame: BusFrame, link: BusLink, now: number) {
    this.frame = frame;
    this.link = link;
    const leftMs = frame.head?.timeoutMs;
    this.deadline = now + (typeof leftMs === "number" ? leftMs : 0);
  }

  get isCancelled(): boolean {
    return this.#reason !== null;
  }

  /** What the handler sees of it. */
  request(): BusRequest {
    const signal = (): AbortSignal => this.#signal();
    const attempt = this.frame.head?.attempt;
    return {
      ...messageOf(this.frame),
      deadline: this.deadline,
      attempt: typeof attempt === "number" ? attempt : 1,
      get signal() {
        return signal();
      },
    };
  }

  /** Nobody waits for the answer any more. */
  cancel(why: string): void {
    if (this.#reason) return;
    this.#reason = new DOMException(why, "AbortError");
    this.#stopTimer();
    this.#controller?.abort(this.#reason);
  }

  ended(): void {
    this.#stopTimer();
    this.link.worked(this.frame.bytes);
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
    const leftMs = Math.max(0, this.deadline - Date.now());
    this.#timer = setTimeout(() => this.cancel("the time of the request is over"), leftMs);
    this.#timer.unref();
  }

  #stopTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

export function headersOf(value: unknown): Readonly<Record<string, string>> {
  const isThere = typeof value === "object" && value !== null;
  return isThere ? (value as Record<string, string>) : NO_HEADERS;
}

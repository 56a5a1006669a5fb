/** Ends WebSockets and event streams one by one, so that their clients do not return all at once. */

import { connectionOf } from "./connection.ts";
import { endStream } from "./end-stream.ts";
import type { InternalSocket } from "./node-internals.ts";
import type { Traffic } from "./traffic.ts";
import { closeWebSocket } from "./websocket.ts";

const SPREAD_MS_PER_STREAM = 10;

export class StreamEnds {
  readonly #traffic: Traffic;
  readonly #withinMs: number;
  readonly #latest: number;
  /** When each long-lived stream is to end. */
  readonly #ends = new WeakMap<object, number>();
  /** WebSockets that have been told to close. */
  readonly #told = new WeakSet<InternalSocket>();
  #isHurried = false;

  /** All of them in the first half of `withinMs`. */
  constructor(traffic: Traffic, withinMs: number) {
    this.#traffic = traffic;
    this.#withinMs = withinMs;
    this.#latest = Date.now() + withinMs / 2;
  }

  /** What is left ends now. */
  hurry(): void {
    this.#isHurried = true;
  }

  /** Ends a WebSocket, or the event stream that is being answered, once it is its turn among `open` connections. */
  sweep(socket: InternalSocket, now: number, open: number): void {
    if (connectionOf(socket).upgrade?.to === "websocket") {
      if (this.#told.has(socket) || !this.isDue(socket, now, open)) return;
      const isOpen = this.#traffic.hasAnswered(socket);
      // Its app is still asking whose client it is: it may become one, and is told to go then.
      if (!isOpen && now < this.#latest && !this.#isHurried) return;
      this.#told.add(socket);
      closeWebSocket(socket, isOpen);
      return;
    }
    const response = socket._httpMessage;
    if (response && isEventStream(response._header) && this.isDue(response, now, open))
      endStream(response);
  }

  /** Its instant is at random within a window that grows with the number of open connections. */
  isDue(stream: object, now: number, open: number): boolean {
    const spread = Math.min(this.#withinMs / 2, open * SPREAD_MS_PER_STREAM);
    const at = this.#ends.get(stream) ?? Math.min(now + Math.random() * spread, this.#latest);
    this.#ends.set(stream, at);
    return this.#isHurried || at <= now;
  }
}

/** True for the raw header block of a `text/event-stream` response. */
function isEventStream(header: string | null): boolean {
  return header !== null && /^content-type:\s*text\/event-stream/im.test(header);
}

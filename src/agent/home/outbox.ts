/** What the app says while there is no supervisor, in order and within bounds. */

import type { Sent } from "./own-channel.ts";

const MESSAGES_MAX = 1000;
const BYTES_MAX = 1024 * 1024;

interface Waiting {
  readonly text: string;
  readonly sent: Sent | undefined;
}

export class Outbox {
  #waiting: Waiting[] = [];
  #bytes = 0;

  /** As it is now: the app may change it. Beyond the bounds `sent` hears an error. Throws what JSON.stringify does. */
  add(message: unknown, sent: Sent | undefined): void {
    const text = JSON.stringify(message);
    const isFull = this.#waiting.length >= MESSAGES_MAX || this.#bytes + text.length > BYTES_MAX;
    if (isFull) {
      if (sent) process.nextTick(sent, new Error("too many messages wait for a supervisor"));
      return;
    }
    this.#waiting.push({ text, sent });
    this.#bytes += text.length;
  }

  /** All of it, oldest first. */
  flush(send: (message: unknown, sent: Sent | undefined) => void): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    for (const { text, sent } of waiting) send(JSON.parse(text), sent);
  }
}

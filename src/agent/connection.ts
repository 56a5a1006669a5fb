/**
 * What the agent knows of a connection: one object on its socket, there from the socket's first moment. V8
 * compiles http for the shapes of sockets and responses it has met: properties of ours that come one by one
 * make many shapes of one, and every request dearer for it.
 */

import type { Visit } from "./sticky/visit.ts";

const CONNECTION = Symbol("holdfast.connection");

/** A response that is not finished, and when its request came (performance.now()). */
interface Exchange {
  readonly response: object;
  readonly startedAt: number;
}

export class Connection {
  /** Milliseconds of this process's life at its opening. 32 bits: a small integer costs no memory. */
  openedAt = 0;
  /** The end of its socket is told to who counts requests. */
  isWatched = false;
  /** A question of the agent's, nobody's request. */
  isOwn = false;
  /** Null: nothing has been routed on it. */
  visit: Visit | null = null;
  #response: object | null = null;
  #startedAt = 0;
  /** Of a client that does not wait for answers. */
  #behind: Exchange[] | null = null;

  /** How many of its responses are not finished. */
  get unfinished(): number {
    return this.#response === null ? 0 : 1 + (this.#behind?.length ?? 0);
  }

  /** False: that had begun before. */
  begin(response: object): boolean {
    if (this.#response === null) {
      this.#response = response;
      this.#startedAt = performance.now();
      return true;
    }
    if (this.#response === response) return false;
    this.#behind ??= [];
    if (this.#behind.some((exchange) => exchange.response === response)) return false;
    this.#behind.push({ response, startedAt: performance.now() });
    return true;
  }

  /** When its request came; undefined: it had not begun, or all was forgotten. */
  finish(response: object): number | undefined {
    if (this.#response !== response) {
      const at = this.#behind?.findIndex((exchange) => exchange.response === response) ?? -1;
      return at < 0 ? undefined : this.#behind?.splice(at, 1)[0]?.startedAt;
    }
    const startedAt = this.#startedAt;
    const next = this.#behind?.shift();
    this.#response = next?.response ?? null;
    if (next) this.#startedAt = next.startedAt;
    return startedAt;
  }

  /** Nothing will be finished any more. */
  forget(): void {
    this.#response = null;
    this.#behind = null;
  }
}

/** What is known of the connection of this socket, or of what stands for one. */
export function connectionOf(socket: object): Connection {
  const known = socket as { [CONNECTION]?: Connection };
  known[CONNECTION] ??= new Connection();
  return known[CONNECTION];
}

/**
 * What the agent knows of a connection: one object on its socket, there from the socket's first moment. V8
 * compiles http for the shapes of sockets and responses it has met: properties of ours that come one by one
 * make many shapes of one, and every request dearer for it.
 */

// Not the global of that name: Node makes it by a getter, asked anew each time.
import { performance } from "node:perf_hooks";
import type { Visit } from "./sticky/visit.ts";

/** What a connection was upgraded to: `websocket` or another protocol's name, in lower case. */
export interface Upgrade {
  readonly to: string;
  /** Bytes that had been written on its socket when it was asked for. */
  readonly writtenBefore: number;
}

const CONNECTION = Symbol("holdfast.connection");

export class Connection {
  /** Milliseconds of this process's life at its opening. 32 bits: a small integer costs no memory. */
  openedAt = 0;
  /** Among the open sockets; -1: not open. */
  place = -1;
  /** The end of its socket is told to who counts requests. */
  isWatched = false;
  /** Nothing of it will be answered any more. */
  isOver = false;
  /** A question of the agent's, nobody's request. */
  isOwn = false;
  /** Null: it was not upgraded. */
  upgrade: Upgrade | null = null;
  /** Null: nothing has been routed on it. */
  visit: Visit | null = null;
  /** The request that is being answered, and when it came (performance.now()). */
  #request: object | null = null;
  // No integer, not even at first: once a field of integers has been given a fraction, V8 may compile all that
  // touches it again and again, for ever ("Maps became deprecated during optimization", seen on Node 24).
  #startedAt = Number.NaN;
  /** The same of those behind it: of a client that does not wait for answers. */
  #behind: Map<object, number> | null = null;

  /** How many of its requests are not answered. */
  get unanswered(): number {
    return this.#request === null ? 0 : 1 + (this.#behind?.size ?? 0);
  }

  /** It has begun, and is not answered. */
  has(request: object): boolean {
    return this.#request === request || this.#behind?.has(request) === true;
  }

  /** False: that had begun before, or the connection is gone. */
  begin(request: object): boolean {
    if (this.isOver || this.has(request)) return false;
    if (this.#request === null) {
      this.#request = request;
      this.#startedAt = performance.now();
      return true;
    }
    this.#behind ??= new Map();
    this.#behind.set(request, performance.now());
    return true;
  }

  /** When it came; undefined: it had not begun, or the connection is gone. */
  finish(request: object): number | undefined {
    if (this.#request !== request) {
      const startedAt = this.#behind?.get(request);
      this.#behind?.delete(request);
      return startedAt;
    }
    const startedAt = this.#startedAt;
    this.#request = null;
    if (this.#behind !== null) this.#next(this.#behind);
    return startedAt;
  }

  /** Nothing of it will be answered any more. */
  end(): void {
    this.isOver = true;
    this.#request = null;
    this.#behind = null;
  }

  #next(behind: Map<object, number>): void {
    for (const [request, startedAt] of behind) {
      behind.delete(request);
      this.#request = request;
      this.#startedAt = startedAt;
      return;
    }
  }
}

/** What is known of the connection of this socket, or of what stands for one. */
export function connectionOf(socket: object): Connection {
  const known = socket as { [CONNECTION]?: Connection };
  known[CONNECTION] ??= new Connection();
  return known[CONNECTION];
}

/** The same, where anything is known yet; of any value. */
export function knownConnection(value: unknown): Connection | undefined {
  return (value as { [CONNECTION]?: Connection } | null | undefined)?.[CONNECTION];
}

/** What was known of it holds no longer. */
export function forgetConnection(socket: object): void {
  (socket as { [CONNECTION]?: Connection })[CONNECTION] = new Connection();
}

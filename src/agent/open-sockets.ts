/**
 * Open sockets, in no order. No Set: V8 makes a new table of one once enough has come and gone, and the old table,
 * with all that was in it, leads to the new one (OrderedHashTable::Rehash, Node 20 to 26). An old table that was once
 * promoted keeps every later one alive, and the sockets in them, until all is collected: scavenges find them alive,
 * copy them, and take many times as long.
 */

import { connectionOf, knownConnection } from "./connection.ts";
import type { InternalSocket } from "./node-internals.ts";

export class OpenSockets {
  readonly #sockets: InternalSocket[] = [];

  get size(): number {
    return this.#sockets.length;
  }

  /** By its connection: a socket may come wrapped, once more. */
  has(value: unknown): boolean {
    const connection = knownConnection(value);
    return connection !== undefined && connection.place >= 0;
  }

  add(socket: InternalSocket): void {
    const connection = connectionOf(socket);
    if (connection.place < 0) connection.place = this.#sockets.push(socket) - 1;
  }

  /** False: it was not among them. */
  delete(socket: InternalSocket): boolean {
    const connection = connectionOf(socket);
    const { place } = connection;
    if (place < 0) return false;
    connection.place = -1;
    const last = this.#sockets.pop() as InternalSocket;
    if (place === this.#sockets.length) return true;
    this.#sockets[place] = last;
    connectionOf(last).place = place;
    return true;
  }

  /** Of those that are open now: what is done with one may close others. */
  [Symbol.iterator](): Iterator<InternalSocket> {
    return [...this.#sockets].values();
  }
}

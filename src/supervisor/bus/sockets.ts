/** The bus's sockets on this machine: one for each user whose workers come to it. */

import type { Socket } from "node:net";
import type { HoldfastError } from "../../errors.ts";
import type { Owner } from "../peer-folder.ts";
import { type BusSocket, isOwn, openBusSocket, openBusSocketAgain } from "./socket.ts";

export interface SocketsPort {
  /** Where they are; null: in a folder among the system's temporary files. */
  runFolder(): string | null;
  connected(socket: Socket): void;
  fault(error: HoldfastError): void;
}

export class BusSockets {
  readonly #port: SocketsPort;
  readonly #sockets = new Map<string, BusSocket>();

  constructor(port: SocketsPort) {
    this.#port = port;
  }

  /** Of the one for what runs as the supervisor's own user; null while there is none. */
  get path(): string | null {
    return this.#sockets.get("")?.path ?? null;
  }

  /**
   * Opened where it is not, at `wanted` if that can be: where another supervisor had it. Null where it cannot be
   * opened, which is a fault.
   */
  pathFor(owner: Owner, wanted: string | null = null): string | null {
    const key = isOwn(owner) ? "" : `${owner.uid}:${owner.gid}`;
    const known = this.#sockets.get(key);
    if (known?.isThere()) return known.path;
    // The old one first: libuv deletes the file of a socket that it closes.
    known?.close();
    this.#sockets.delete(key);
    const { connected, fault } = this.#port;
    const run = this.#port.runFolder();
    const made =
      (wanted !== null && openBusSocketAgain(wanted, run, owner, { connected, fault })) ||
      openBusSocket(run, owner, { connected, fault });
    if (made) this.#sockets.set(key, made);
    return made?.path ?? null;
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }
}

/** Connections from other machines that have not shown who they are: not too many, and not for long. */

import type { Socket } from "node:net";

export interface DoorLimits {
  /** Connections at the door at the same time. */
  readonly most: number;
  /** Of those from one address. */
  readonly mostOfAddress: number;
}

export class Door {
  readonly #limits: DoorLimits;
  /** By both ends' names: TLS puts another object over the same connection. */
  readonly #waiting = new Map<string, { readonly socket: Socket; readonly address: string }>();
  readonly #byAddress = new Map<string, number>();

  constructor(limits: DoorLimits) {
    this.#limits = limits;
  }

  /** False: there are too many. It leaves by `passed`, or when it is closed. */
  enter(socket: Socket): boolean {
    const address = addressOf(socket);
    const ofAddress = this.#byAddress.get(address) ?? 0;
    const { most, mostOfAddress } = this.#limits;
    if (this.#waiting.size >= most || ofAddress >= mostOfAddress) return false;
    const name = nameOf(socket);
    this.#waiting.set(name, { socket, address });
    this.#byAddress.set(address, ofAddress + 1);
    socket.once("close", () => this.#leave(name));
    return true;
  }

  /** It is known now. */
  passed(socket: Socket): void {
    this.#leave(nameOf(socket));
  }

  #leave(name: string): void {
    const address = this.#waiting.get(name)?.address;
    if (address === undefined) return;
    this.#waiting.delete(name);
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }

  /** Closes all that still wait. */
  clear(): void {
    for (const { socket } of [...this.#waiting.values()]) socket.destroy();
  }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** IPv4 as such, however the socket writes it. */
export function addressOf({ remoteAddress }: Pick<Socket, "remoteAddress">): string {
  return remoteAddress?.replace(/^::ffff:/, "") ?? "an address that is gone";
}

/** Connections from other machines that have not shown who they are: not too many, and not for long. */

import type { Socket } from "node:net";

export interface DoorLimits {
  /** Connections at the door at the same time. */
  readonly most: number;
  /** Of those from one address; of IPv6 from one network of 64 bits, which is what one machine is given. */
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
    const address = networkOf(addressOf(socket));
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

/** Both ends: from one port somebody may come to several addresses of ours. */
function nameOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** IPv4 as such, however the socket writes it. */
export function addressOf({ remoteAddress }: Pick<Socket, "remoteAddress">): string {
  return remoteAddress?.replace(/^::ffff:/, "") ?? "an address that is gone";
}

/** What counts as one address, as the system writes addresses. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [front = "", back] = address.split("%", 1).join().split("::");
  const [before, after] = [front, back ?? ""].map((part) => (part === "" ? [] : part.split(":")));
  const groups = [...(before ?? []), ...(after ?? [])];
  const zeros = new Array<string>(8 - groups.length).fill("0");
  const all = [...(before ?? []), ...zeros, ...(after ?? [])];
  return `${all.slice(0, 4).join(":")}::/64`;
}

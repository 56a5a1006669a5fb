/** Which of several buses is used: by turns, or by a key, of those there is a connection to. */

import { slotOf } from "../core/rendezvous.ts";
import { HoldfastError } from "../errors.ts";
import type { BusClient } from "./client.ts";

export class Turns {
  readonly #clients: readonly BusClient[];
  #last = -1;

  constructor(clients: readonly BusClient[]) {
    this.#clients = clients;
  }

  /**
   * Calls `act` with the one whose turn it is, and where it rejects with one of `codes`, which say that nothing was
   * done, with the others that are connected. The same key has the same one while no connection comes or goes.
   */
  async use<T>(
    act: (client: BusClient) => Promise<T>,
    codes: ReadonlySet<string>,
    key?: string,
  ): Promise<T> {
    const tried = new Set<BusClient>();
    let last: unknown;
    for (;;) {
      const client = this.#next(tried, key);
      if (client === null) throw last;
      tried.add(client);
      try {
        return await act(client);
      } catch (error) {
        if (!(error instanceof HoldfastError && codes.has(error.code))) throw error;
        last = error;
      }
    }
  }

  /** All that are connected; where none is, those that may be soon, else all. */
  present(): readonly BusClient[] {
    for (const test of [isUp, isHopeful]) {
      const found = this.#clients.filter(test);
      if (found.length > 0) return found;
    }
    return this.#clients;
  }

  #next(tried: ReadonlySet<BusClient>, key: string | undefined): BusClient | null {
    const able = tried.size === 0 ? this.present() : this.#clients.filter(isUp);
    const places = able
      .filter((client) => !tried.has(client))
      .map((client) => this.#clients.indexOf(client));
    if (places.length === 0) return null;
    if (key !== undefined) return this.#clients[slotOf(key, places)] as BusClient;
    const place = places.find((each) => each > this.#last) ?? (places[0] as number);
    this.#last = place;
    return this.#clients[place] as BusClient;
  }
}

function isUp(client: BusClient): boolean {
  return client.isUp;
}

function isHopeful(client: BusClient): boolean {
  return client.isHopeful;
}

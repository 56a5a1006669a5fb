/** Something that stands on several buses: made on each as soon as there is a connection to it. */

import { HoldfastError } from "../errors.ts";
import type { BusClient } from "./client.ts";

type End = () => Promise<void>;

export interface StandingPorts {
  /** Makes it on one, and gives what ends it there. */
  make(client: BusClient): Promise<End>;
  /** One that came later would not have it, and nobody waits for that. */
  failed(error: unknown): void;
}

/** There is no connection: it is made when there is one. */
const AWAY: ReadonlySet<string> = new Set([
  ...["HF_BUS_UNREACHABLE", "HF_BUS_CONNECTION_LOST", "HF_BUS_REFUSED"],
]);

export class Standing {
  readonly #clients: readonly BusClient[];
  readonly #ports: StandingPorts;
  /** Where it is made, or being made. */
  readonly #made = new Map<BusClient, Promise<End>>();
  readonly #listening: readonly (() => void)[];
  #over: Promise<void> | null = null;

  constructor(clients: readonly BusClient[], ports: StandingPorts) {
    this.#clients = clients;
    this.#ports = ports;
    this.#listening = clients.map((client) => client.on("up", () => this.#later(client)));
  }

  /**
   * Resolves when all to which there is a connection have it; where there is none, when the first one has. Rejects
   * where one of them will not have it: then none does.
   */
  async begin(): Promise<void> {
    const up = this.#clients.filter((client) => client.isUp);
    const tries = this.#clients.map((client) => ({ client, done: this.#on(client) }));
    for (const { done } of tries) done.catch(() => {});
    try {
      if (up.length === 0) await Promise.any(tries.map(({ done }) => done)).catch(firstOf);
      else await allOf(tries.filter(({ client }) => up.includes(client)).map(({ done }) => done));
    } catch (error) {
      await this.end();
      throw error;
    }
    for (const { done } of tries) this.#watch(done);
  }

  /** Resolves when it is ended on all. */
  end(): Promise<void> {
    this.#over ??= this.#end();
    return this.#over;
  }

  async #end(): Promise<void> {
    for (const forget of this.#listening) forget();
    const ended = [...this.#made].map(async ([client, made]) => {
      // Where it waits for a connection, nobody is to wait with it.
      if (client.isUp) await made.then((end) => end()).catch(() => {});
      else void made.then((end) => end()).catch(() => {});
    });
    await Promise.all(ended);
  }

  #on(client: BusClient): Promise<End> {
    const made = this.#ports.make(client);
    this.#made.set(client, made);
    made.catch(() => this.#made.delete(client));
    return made;
  }

  #later(client: BusClient): void {
    if (!this.#made.has(client) && !this.#over) this.#watch(this.#on(client));
  }

  /** Nobody waits for it: what is wrong with it is told. */
  #watch(made: Promise<End>): void {
    made.catch((error: unknown) => {
      if (!this.#over && !isAway(error)) this.#ports.failed(error);
    });
  }
}

export function isAway(error: unknown): boolean {
  return error instanceof HoldfastError && AWAY.has(error.code);
}

/** One that is lost meanwhile gets it later; at least one is to have it. */
async function allOf(tries: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(tries);
  const errors = settled.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
  const wrong = errors.find((error) => !isAway(error));
  if (wrong !== undefined) throw wrong;
  if (errors.length === tries.length) throw errors[0];
}

function firstOf({ errors }: AggregateError): never {
  throw errors.find((error) => !isAway(error)) ?? errors[0];
}

/** The workers that may come to the bus, and how each proves which one it is. */

import { randomBytes, timingSafeEqual } from "node:crypto";
import type { MemberState } from "../../core/bus/exchange.ts";
import type { Client } from "./client.ts";

const TOKEN_BYTES = 16;

export interface Worker {
  readonly app: string;
  readonly slot: number;
  readonly worker: number;
  readonly generation: number;
}

export interface KnownWorker extends Worker {
  readonly token: string;
  state: MemberState;
  /** Its event loop stands: nothing more is given to it. */
  isHung: boolean;
  /** Its connections: most have one or none. */
  readonly clients: Set<Client>;
}

export class Roster {
  readonly #workers = new Map<number, KnownWorker>();

  /** A worker is about to start; gives its token. */
  admit(worker: Worker): string {
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    const fresh = { token, state: "starting", isHung: false, clients: new Set<Client>() } as const;
    this.#workers.set(worker.worker, { ...worker, ...fresh });
    return token;
  }

  find(worker: number): KnownWorker | undefined {
    return this.#workers.get(worker);
  }

  /** The worker that proves to be it; undefined: it is none. */
  prove(claim: unknown): KnownWorker | undefined {
    const { id, token } = (claim ?? {}) as { id?: unknown; token?: unknown };
    const known = typeof id === "number" ? this.#workers.get(id) : undefined;
    if (!known || typeof token !== "string") return undefined;
    const [given, right] = [Buffer.from(token), Buffer.from(known.token)];
    return given.length === right.length && timingSafeEqual(given, right) ? known : undefined;
  }

  /** Nobody can come as this worker any more. */
  forget(worker: number): KnownWorker | undefined {
    const known = this.#workers.get(worker);
    this.#workers.delete(worker);
    return known;
  }
}

/** What a worker's members may be given. */
export function stateOf({ state, isHung }: KnownWorker): MemberState {
  return isHung ? "draining" : state;
}

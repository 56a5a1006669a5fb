/** The workers that may come to the bus, and how each proves which one it is. */

import { randomBytes, timingSafeEqual } from "node:crypto";
import type { MemberState } from "../../core/bus/exchange.ts";
import type { Client } from "./client.ts";

const TOKEN_BYTES = 16;
/** Workers that are gone, and whose hello may still be on the way. */
const LEFT_MAX = 100;

export interface Worker {
  readonly app: string;
  readonly slot: number;
  readonly worker: number;
  readonly generation: number;
}

export interface Told {
  readonly token: string;
  /** The socket; null: there was none. */
  readonly path: string | null;
  state: MemberState;
}

export interface KnownWorker extends Worker, Told {
  /** Its event loop stands: nothing more is given to it. */
  isHung: boolean;
  /** Its connections: most have one or none. */
  readonly clients: Set<Client>;
}

export class Roster {
  readonly #workers = new Map<number, KnownWorker>();
  /** Tokens of those that went last. */
  readonly #left = new Map<number, string>();

  /** A worker is about to start, and is told of the bus's socket; gives its token. */
  admit(worker: Worker, path: string | null = null): string {
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    this.restore(worker, { token, path, state: "starting" });
    return token;
  }

  /** A worker that another supervisor started. */
  restore(worker: Worker, told: Told): void {
    const clients = new Set<Client>();
    this.#workers.set(worker.worker, { ...worker, ...told, isHung: false, clients });
  }

  /** What the worker proves itself with; null: it is not known. */
  tokenOf(worker: number): string | null {
    return this.#workers.get(worker)?.token ?? null;
  }

  /** The socket it was told of; null: none. */
  pathOf(worker: number): string | null {
    return this.#workers.get(worker)?.path ?? null;
  }

  find(worker: number): KnownWorker | undefined {
    return this.#workers.get(worker);
  }

  /** The worker that proves to be it; undefined: it is none. */
  prove(claim: unknown): KnownWorker | undefined {
    const known = this.#workers.get(claimed(claim));
    return known && hasToken(claim, known.token) ? known : undefined;
  }

  /** Its hello was still on the way when its process ended: it is no intruder. */
  hasLeft(claim: unknown): boolean {
    const token = this.#left.get(claimed(claim));
    return token !== undefined && hasToken(claim, token);
  }

  /** Nobody can come as this worker any more. */
  forget(worker: number): KnownWorker | undefined {
    const known = this.#workers.get(worker);
    this.#workers.delete(worker);
    if (known) this.#left.set(worker, known.token);
    const [oldest] = this.#left.keys();
    if (this.#left.size > LEFT_MAX && oldest !== undefined) this.#left.delete(oldest);
    return known;
  }
}

/** The worker somebody says to be; NaN, which none is: that was no number. */
function claimed(claim: unknown): number {
  const { id } = (claim ?? {}) as { id?: unknown };
  return typeof id === "number" ? id : Number.NaN;
}

function hasToken(claim: unknown, right: string): boolean {
  const { token } = (claim ?? {}) as { token?: unknown };
  if (typeof token !== "string") return false;
  const [given, wanted] = [Buffer.from(token), Buffer.from(right)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** What a worker's members may be given. */
export function stateOf({ state, isHung }: KnownWorker): MemberState {
  return isHung ? "hung" : state;
}

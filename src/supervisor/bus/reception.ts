/** Connections that have not said who they are: for a short time, and not too many. */

import type { Member } from "../../core/bus/exchange.ts";
import { BUS, BUS_PROTOCOL, type BusFrame, DEFAULT_LONGEST_BYTES } from "../../link/bus-frames.ts";
import type { Client } from "./client.ts";
import type { Guest } from "./guest.ts";
import { textOf } from "./heads.ts";
import { failureHead } from "./post.ts";
import type { KnownWorker, Roster } from "./roster.ts";

const HELLO_WITHIN_MS = 5000;
const WAITING_MAX = 1000;
const MEMBERS_MAX = 10_000;
/** Of them so many are kept for workers and other programs of this machine. */
const LOCAL_MEMBERS = 1000;
/** With a smaller window hardly a frame would pass; a larger one is no bound. */
const SMALLEST_WINDOW_BYTES = 1024;
const LARGEST_WINDOW_BYTES = 64 * 1024 * 1024;
/** The longest frame that a client takes is no shorter than a head and a little body. */
const SHORTEST_LONGEST_BYTES = 64 * 1024;

/** A hello that was understood; `worker` null: another program. */
export interface Hello {
  readonly worker: KnownWorker | null;
  readonly name: string | null;
  readonly windowBytes: number;
  readonly longestBytes: number;
}

export interface ReceptionPort {
  readonly roster: Roster;
  members(): number;
  /** Of Holdfast. */
  readonly version: string;
  /** Somebody gave a wrong token for `who`. */
  intruder(who: string): void;
}

export class Reception {
  readonly #port: ReceptionPort;
  /** In the order in which they came. */
  readonly #waiting = new Map<Client, NodeJS.Timeout>();

  constructor(port: ReceptionPort) {
    this.#port = port;
  }

  await(client: Client): void {
    const late = (): void => client.link.destroy(`it said no hello within ${HELLO_WITHIN_MS} ms`);
    this.#waiting.set(client, setTimeout(late, HELLO_WITHIN_MS).unref());
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size <= WAITING_MAX || !oldest) return;
    this.gone(oldest);
    oldest.link.destroy("too many connections say no hello");
  }

  /** It has said hello, or is gone. */
  gone(client: Client): void {
    clearTimeout(this.#waiting.get(client));
    this.#waiting.delete(client);
  }

  /** What its first frame says; null: it was refused, and is told why. */
  read(client: Client, frame: BusFrame): Hello | null {
    this.gone(client);
    const read = this.#judge(frame, client.guest);
    if (typeof read !== "string") return read;
    client.send(BUS.failure, 0, failureHead({ code: "REFUSED", message: read }));
    void client.link.end();
    return null;
  }

  #judge({ kind, head }: BusFrame, guest: Guest | null): Hello | string {
    if (kind !== BUS.hello || head === null) return "it does not begin with a hello";
    const { protocol, version, window, longest, worker } = head;
    if (protocol !== BUS_PROTOCOL) {
      const theirs = `it speaks protocol ${JSON.stringify(protocol)} (version ${String(version)})`;
      return `${theirs}, the supervisor protocol ${BUS_PROTOCOL} (version ${this.#port.version})`;
    }
    if (!isWithin(window, SMALLEST_WINDOW_BYTES, LARGEST_WINDOW_BYTES)) {
      return `its window is not ${SMALLEST_WINDOW_BYTES} to ${LARGEST_WINDOW_BYTES} bytes`;
    }
    const most = guest ? MEMBERS_MAX - LOCAL_MEMBERS : MEMBERS_MAX;
    if (this.#port.members() >= most) return `the bus has ${most} members already`;
    const isWorker = worker !== undefined && worker !== null;
    if (isWorker && guest) return "workers do not come from other machines";
    const proven = isWorker ? this.#port.roster.prove(worker) : null;
    if (proven === undefined) return this.#intruder(worker);
    const isSize = isWithin(longest, SHORTEST_LONGEST_BYTES, Number.MAX_SAFE_INTEGER);
    return {
      worker: proven,
      name: guest?.name ?? textOf(head.name) ?? null,
      windowBytes: window,
      longestBytes: isSize ? longest : DEFAULT_LONGEST_BYTES,
    };
  }

  #intruder(claim: unknown): string {
    const { id } = claim as { id?: unknown };
    const who = typeof id === "number" ? `worker ${id}` : "a worker";
    if (!this.#port.roster.hasLeft(claim)) this.#port.intruder(who);
    return `it is not ${who}, or that worker is gone`;
  }
}

export function memberOf(id: number, { worker, name }: Hello): Member {
  const { app = null, slot = null } = worker ?? {};
  return { id, app, slot, worker: worker?.worker ?? null, name };
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

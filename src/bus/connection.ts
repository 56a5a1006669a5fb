/** The connection to the supervisor: made when it is first needed, and again when it is lost. */

import { createConnection } from "node:net";
import { fileURLToPath } from "node:url";
import { HoldfastError } from "../errors.ts";
import type { DialAddress } from "../link/bus-addresses.ts";
import { type Dialled, dial } from "../link/bus-dial.ts";
import {
  type BusFrame,
  DEFAULT_LONGEST_BYTES,
  DEFAULT_WINDOW_BYTES,
  type Head,
} from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import type { ProbeTerms } from "../link/bus-probe.ts";
import { packageVersionAbove } from "../system/places.ts";

const UNREACHABLE_AFTER_MS = 10_000;
/** The supervisor of this machine is followed within a second where it dies, and is asked again for next to nothing. */
const LOCAL_BACKOFF = { baseMs: 50, capMs: 500 };
/** What a frame is longer than its body at most. */
const FRONT_BYTES = 64 * 1024;

/** Where the supervisor is, and who asks. */
export type BusTarget = (
  | { readonly path: string }
  | {
      /** One of them is connected to. */
      readonly addresses: readonly DialAddress[];
      /** Whether and when a silent supervisor is asked if it is there. Unless given it is not. */
      readonly probe?: ProbeTerms;
    }
) & {
  /** What the hello says: name, worker. */
  readonly hello: Head;
  /** What waits for a connection waits so long, then it fails, and what comes later at once. Default 10 s. */
  readonly unreachableAfterMs?: number;
};

export interface ConnectionEvents {
  up(link: BusLink): void;
  /** Each time there is none: one is lost (`wasUp`), or could not be made. */
  down(reason: string, wasUp: boolean): void;
  /** What waits for the connection has waited long enough; it is still tried. */
  unreachable(error: HoldfastError): void;
  /** There will be none: the supervisor refuses this process, or there is no supervisor. */
  ended(error: HoldfastError): void;
  frame(frame: BusFrame, link: BusLink): void;
  credit(link: BusLink): void;
}

export class Connection {
  readonly #target: () => BusTarget;
  readonly #events: ConnectionEvents;
  #dialled: Dialled | null = null;
  #link: BusLink | null = null;
  #longestBody = DEFAULT_LONGEST_BYTES - FRONT_BYTES;
  #keepsAlive = false;
  #unreachableAfterMs = UNREACHABLE_AFTER_MS;
  #why = "it has not answered yet";
  /** Counts the time without a connection. */
  #timer: NodeJS.Timeout | null = null;
  #isOverdue = false;
  #ended: HoldfastError | null = null;
  #waiting: ((error: HoldfastError | null) => void)[] = [];

  /** `target` throws a HoldfastError where there is none. */
  constructor(target: () => BusTarget, events: ConnectionEvents) {
    this.#target = target;
    this.#events = events;
  }

  get link(): BusLink | null {
    return this.#link;
  }

  /** Bytes a body may have. */
  get longestBody(): number {
    return this.#longestBody;
  }

  /** Dials, unless that has been done. Throws where nothing can be sent, nor wait to be sent. */
  open(): BusLink | null {
    if (this.#link) return this.#link;
    if (this.#ended) throw this.#ended;
    if (this.#dialled === null) this.#dial();
    if (this.#isOverdue) throw this.#unreachable();
    return null;
  }

  /**
   * Resolves when the connection is there. Rejects when the next try fails, of several addresses a whole round, or
   * with the signal's reason; then it is still tried.
   */
  opened(signal?: AbortSignal): Promise<void> {
    if (this.open()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const aborted = (): void => reject(signal?.reason);
      signal?.addEventListener("abort", aborted, { once: true });
      this.#waiting.push((error) => {
        signal?.removeEventListener("abort", aborted);
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  /** There is a connection, or one may come in time for what waits. */
  get isHopeful(): boolean {
    return this.#dialled !== null && this.#ended === null && !this.#isOverdue;
  }

  /** Why there is no connection; null: there is one. */
  whyNot(): HoldfastError | null {
    return this.#link ? null : (this.#ended ?? this.#unreachable());
  }

  keepAlive(isWanted: boolean): void {
    this.#keepsAlive = isWanted;
    this.#dialled?.keepAlive(isWanted);
  }

  /** For good. Resolves when what was sent is written. */
  async close(error: HoldfastError): Promise<void> {
    this.#ended ??= error;
    this.#link = null;
    this.#stopTimer();
    this.#tell(error);
    await this.#dialled?.close();
  }

  #dial(): void {
    const target = this.#target();
    const { hello, unreachableAfterMs = UNREACHABLE_AFTER_MS } = target;
    this.#unreachableAfterMs = unreachableAfterMs;
    const where =
      "path" in target
        ? { connect: () => createConnection(target.path), backoff: LOCAL_BACKOFF }
        : { connect: target.addresses, ...(target.probe ? { probe: target.probe } : {}) };
    this.#dialled = dial(
      {
        ...where,
        hello: { ...hello, version: packageVersionAbove(fileURLToPath(import.meta.url)) },
        windowBytes: DEFAULT_WINDOW_BYTES,
        longestBytes: DEFAULT_LONGEST_BYTES,
      },
      {
        up: (link, head) => this.#up(link, head),
        down: (reason, _error, retryInMs) => this.#down(reason, retryInMs === 0),
        refused: ({ message }) =>
          this.#end(new HoldfastError("HF_BUS_REFUSED", { reason: message })),
        frame: this.#events.frame,
        credit: this.#events.credit,
      },
    );
    this.#dialled.keepAlive(this.#keepsAlive);
    this.#startTimer();
  }

  #up(link: BusLink, { longest }: Head): void {
    this.#stopTimer();
    this.#isOverdue = false;
    this.#link = link;
    if (typeof longest === "number" && longest > FRONT_BYTES) {
      this.#longestBody = Math.min(DEFAULT_LONGEST_BYTES, longest) - FRONT_BYTES;
    }
    this.#events.up(link);
    this.#tell(null);
  }

  /** `isMoving`: another address is tried at once. */
  #down(reason: string, isMoving: boolean): void {
    const wasUp = this.#link !== null;
    this.#why = reason;
    this.#link = null;
    if (!this.#isOverdue) this.#startTimer();
    this.#events.down(reason, wasUp);
    if (!isMoving) this.#tell(this.#unreachable());
  }

  #end(error: HoldfastError): void {
    this.#stopTimer();
    this.#ended = error;
    this.#link = null;
    this.#events.ended(error);
    this.#tell(error);
  }

  #tell(error: HoldfastError | null): void {
    for (const tell of this.#waiting.splice(0)) tell(error);
  }

  #unreachable(): HoldfastError {
    return new HoldfastError("HF_BUS_UNREACHABLE", { reason: this.#why });
  }

  #startTimer(): void {
    this.#timer ??= setTimeout(() => {
      this.#isOverdue = true;
      this.#events.unreachable(this.#unreachable());
    }, this.#unreachableAfterMs).unref();
  }

  #stopTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

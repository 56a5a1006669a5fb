/** The dialling end of the bus: connects, says hello, and does both again when the connection is lost. */

import type { Duplex } from "node:stream";
import { BUS, BUS_PROTOCOL, type BusFrame, bareFrame, type Head } from "./bus-frames.ts";
import { BusLink } from "./bus-link.ts";

const HELLO_WITHIN_MS = 5000;
const DEFAULT_BACKOFF: Backoff = { baseMs: 50, capMs: 5000 };

export interface Backoff {
  /** The first wait; it doubles with each failure in a row. */
  readonly baseMs: number;
  /** The longest wait; a link that held this long was sound, and the backoff starts anew. */
  readonly capMs: number;
}

export interface DialOptions {
  /** A new connection, or one that is about to be. */
  connect(): Duplex;
  /** Who dials: what the hello says besides protocol and window. */
  readonly hello: Head;
  readonly windowBytes: number;
  readonly longestBytes: number;
  /** Default: 50 ms to 5 s. */
  readonly backoff?: Backoff;
  /** How long the other side may take to say hello. Default 5000. */
  readonly helloWithinMs?: number;
  /** In [0, 1): the jitter, so that those who lost the same supervisor do not return together. */
  readonly random?: () => number;
}

export interface DialEvents {
  /** Both have said hello: frames may be sent. `hello` is the other side's head. */
  up(link: BusLink, hello: Head): void;
  /** There is no connection, or not any more; the next try is in `retryInMs`. */
  down(reason: string, error: Error | null, retryInMs: number): void;
  /** The other side does not want us, or speaks another protocol: nothing is tried any more. */
  refused(error: BusRefusal): void;
  frame(frame: BusFrame, link: BusLink): void;
  /** An `offer` was refused, and the window has opened since. */
  credit?(link: BusLink): void;
}

export interface Dialled {
  /** Ends the link in order, or the tries for one; no event comes any more. */
  close(): Promise<void>;
  /** Whether connection and tries keep the process alive. At first they do. */
  keepAlive(isWanted: boolean): void;
}

/** Why the other side does not want us, in its own words; `code` is its error's, where it has one. */
export class BusRefusal extends Error {
  override readonly name = "BusRefusal";
  readonly code: string | null;

  constructor(message: string, code: string | null) {
    super(message);
    this.code = code;
  }
}

export function dial(options: DialOptions, events: DialEvents): Dialled {
  return new Dialler(options, events);
}

/**
 * The wait before the next try after `failures` in a row (1: the first): `min(cap, base * 2^n)`, of which the upper
 * half is left to chance. `random` in [0, 1).
 */
export function retryDelayMs(failures: number, random: number, { baseMs, capMs }: Backoff): number {
  const full = Math.min(capMs, baseMs * 2 ** (failures - 1));
  return Math.round(full * (0.5 + random / 2));
}

class Dialler implements Dialled {
  readonly #options: DialOptions;
  readonly #events: DialEvents;
  readonly #backoff: Backoff;
  #socket: Duplex | null = null;
  #link: BusLink | null = null;
  #helloTimer: NodeJS.Timeout | null = null;
  #retryTimer: NodeJS.Timeout | null = null;
  #keepsAlive = true;
  #isClosed = false;
  /** Since when the link is up; null: it is not. */
  #upSince: number | null = null;
  #failures = 0;

  constructor(options: DialOptions, events: DialEvents) {
    this.#options = options;
    this.#events = events;
    this.#backoff = options.backoff ?? DEFAULT_BACKOFF;
    this.#try();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTimers();
    // What was sent is still written out, even where the link did not keep the process so far.
    this.keepAlive(true);
    if (this.#upSince === null) this.#link?.destroy("closed before the hello");
    await this.#link?.end();
  }

  keepAlive(isWanted: boolean): void {
    this.#keepsAlive = isWanted;
    this.#hold();
  }

  #try(): void {
    this.#retryTimer = null;
    const { connect, windowBytes, longestBytes, helloWithinMs = HELLO_WITHIN_MS } = this.#options;
    try {
      this.#socket = connect();
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      // Never within `dial` itself: its caller has nothing to close yet.
      queueMicrotask(() => this.#lost(`the connection failed: ${cause.message}`, cause));
      return;
    }
    const link = new BusLink(
      this.#socket,
      // Many long answers at once are no sign of a side that does not read, and there is only one such side.
      { windowBytes, longestBytes, unreadMaxBytes: Number.POSITIVE_INFINITY },
      {
        frame: (frame) => {
          if (this.#upSince !== null) this.#events.frame(frame, link);
          else this.#greet(frame, link);
        },
        credit: () => this.#events.credit?.(link),
        closed: (reason, error) =>
          this.#lost(reason ?? "the other side has closed the connection", error),
      },
    );
    this.#link = link;
    link.send(this.#hello());
    this.#hold();
    this.#helloTimer = setTimeout(
      () => link.destroy(`the other side said no hello within ${helloWithinMs} ms`),
      helloWithinMs,
    );
    // The connection keeps the process, or is not meant to.
    this.#helloTimer.unref();
  }

  #hello() {
    const { hello, windowBytes } = this.#options;
    return bareFrame(BUS.hello, 0, { ...hello, protocol: BUS_PROTOCOL, window: windowBytes });
  }

  #greet({ kind, head }: BusFrame, link: BusLink): void {
    if (kind === BUS.failure) return this.#refuse(refusalOf(head));
    if (kind !== BUS.hello || head === null) {
      return link.destroy("the other side does not begin with a hello");
    }
    if (head.protocol !== BUS_PROTOCOL) {
      const theirs = `${JSON.stringify(head.protocol)} (version ${String(head.version)})`;
      const said = `the other side speaks protocol ${theirs}, this side protocol ${BUS_PROTOCOL}`;
      return this.#refuse(new BusRefusal(said, null));
    }
    const { window, longest } = head;
    if (!isSize(window)) return link.destroy("the other side's hello does not say its window");
    this.#stopTimers();
    this.#upSince = performance.now();
    link.openWindow(window, isSize(longest) ? longest : undefined);
    this.#events.up(link, head);
  }

  #refuse(refusal: BusRefusal): void {
    this.#isClosed = true;
    this.#stopTimers();
    this.#link?.destroy(refusal.message);
    this.#events.refused(refusal);
  }

  #lost(reason: string, error: Error | null): void {
    this.#stopTimers();
    this.#link = null;
    this.#socket = null;
    if (this.#isClosed) return;
    const isSound =
      this.#upSince !== null && performance.now() - this.#upSince >= this.#backoff.capMs;
    this.#upSince = null;
    this.#failures = isSound ? 1 : this.#failures + 1;
    const { random = Math.random } = this.#options;
    const retryInMs = retryDelayMs(this.#failures, random(), this.#backoff);
    this.#retryTimer = setTimeout(() => this.#try(), retryInMs);
    this.#hold();
    this.#events.down(reason, error, retryInMs);
  }

  /** What keeps the process alive, or not: the socket (where it can) and the wait for the next try. */
  #hold(): void {
    const socket = this.#socket as (Duplex & { ref?(): unknown; unref?(): unknown }) | null;
    if (this.#keepsAlive) {
      socket?.ref?.();
      this.#retryTimer?.ref();
    } else {
      socket?.unref?.();
      this.#retryTimer?.unref();
    }
  }

  #stopTimers(): void {
    if (this.#helloTimer) clearTimeout(this.#helloTimer);
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
  }
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function refusalOf(head: Head | null): BusRefusal {
  const said = head?.message;
  const code = head?.code;
  return new BusRefusal(
    typeof said === "string" ? said : "the other side refused without a reason",
    typeof code === "string" ? code : null,
  );
}

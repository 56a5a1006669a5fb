/** The dialling end of the bus: connects, says hello, and does both again when the connection is lost. */

import type { Duplex } from "node:stream";
import { Addresses, type DialAddress } from "./bus-addresses.ts";
import { BUS, BUS_PROTOCOL, type BusFrame, bareFrame, type Head } from "./bus-frames.ts";
import { BusLink } from "./bus-link.ts";
import { Probe, type ProbeTerms } from "./bus-probe.ts";
import { BusRefusal, refusalOf } from "./bus-refusal.ts";

const HELLO_WITHIN_MS = 5000;
const DEFAULT_BACKOFF: Backoff = { baseMs: 50, capMs: 5000 };

export interface Backoff {
  /** The first wait; it doubles with each failure in a row. */
  readonly baseMs: number;
  /** The longest wait; a link that held this long was sound, and the backoff starts anew. */
  readonly capMs: number;
}

export interface DialOptions {
  /**
   * A new connection, or one that is about to be. Of several addresses the first tried is one by chance; where one
   * is lost or refuses, the next is tried at once, and only a whole round that failed is waited after.
   */
  readonly connect: (() => Duplex) | readonly DialAddress[];
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
  /** Whether and when a silent side is asked if it is there. Unless given it is not. */
  readonly probe?: ProbeTerms;
}

export interface DialEvents {
  /** Both have said hello: frames may be sent. `hello` is the other side's head. */
  up(link: BusLink, hello: Head): void;
  /** There is no connection, or not any more; the next try is in `retryInMs`, 0: of the next address, at once. */
  down(reason: string, error: Error | null, retryInMs: number): void;
  /** No address wants us, or each speaks another protocol, and none is to be tried again: that was all. */
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
  readonly #addresses: Addresses;
  #socket: Duplex | null = null;
  #link: BusLink | null = null;
  #helloTimer: NodeJS.Timeout | null = null;
  #retryTimer: NodeJS.Timeout | null = null;
  #keepsAlive = true;
  #isClosed = false;
  /** Since when the link is up; null: it is not. */
  #upSince: number | null = null;
  #refusal: BusRefusal | null = null;
  #probe: Probe | null = null;

  constructor(options: DialOptions, events: DialEvents) {
    this.#options = options;
    this.#events = events;
    this.#backoff = options.backoff ?? DEFAULT_BACKOFF;
    const { connect, random = Math.random } = options;
    const all = typeof connect === "function" ? [{ name: "", connect }] : connect;
    this.#addresses = new Addresses(all, all.length > 1 ? random() : 0);
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
    const address = this.#addresses.next(performance.now());
    let socket: Duplex;
    try {
      socket = address.connect();
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      // Never within `dial` itself: its caller has nothing to close yet.
      queueMicrotask(() => this.#lost(`the connection failed: ${cause.message}`, cause));
      return;
    }
    this.#socket = socket;
    const link = this.#linkOver(socket, address);
    this.#link = link;
    if (address.securedBy === undefined) link.send(this.#hello());
    else socket.once(address.securedBy, () => link.send(this.#hello()));
    socket.on("data", () => this.#probe?.heard());
    this.#hold();
    const { helloWithinMs = HELLO_WITHIN_MS } = this.#options;
    this.#helloTimer = setTimeout(
      () => link.destroy(`the other side said no hello within ${helloWithinMs} ms`),
      helloWithinMs,
    );
    // The connection keeps the process, or is not meant to.
    this.#helloTimer.unref();
  }

  #linkOver(socket: Duplex, address: DialAddress): BusLink {
    const { windowBytes, longestBytes } = this.#options;
    // Many long answers at once are no sign of a side that does not read, and there is only one such side.
    const terms = { windowBytes, longestBytes, unreadMaxBytes: Number.POSITIVE_INFINITY };
    const link: BusLink = new BusLink(socket, terms, {
      frame: (frame) => {
        if (this.#upSince === null) this.#greet(frame, link);
        else if (!this.#probe?.isAnswer(frame)) this.#events.frame(frame, link);
      },
      credit: () => this.#events.credit?.(link),
      closed: (reason, error) => {
        if (error && this.#upSince === null)
          this.#refusal ??= address.refusal?.(error, socket) ?? null;
        this.#lost(reason ?? "the other side has closed the connection", error);
      },
    });
    return link;
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
    this.#addresses.up();
    if (this.#options.probe) this.#probe = new Probe(link, this.#options.probe);
    link.openWindow(window, isSize(longest) ? longest : undefined);
    this.#events.up(link, head);
  }

  #refuse(refusal: BusRefusal): void {
    this.#refusal = refusal;
    this.#link?.destroy(refusal.message);
  }

  #lost(reason: string, error: Error | null): void {
    this.#stopTimers();
    this.#link = null;
    this.#socket = null;
    if (this.#isClosed) return;
    const refusal = this.#refusal;
    this.#refusal = null;
    const said = this.#addresses.reasonWith(refusal?.message ?? reason);
    const retryInMs = refusal ? this.#afterRefusal() : this.#afterFailure();
    if (refusal && retryInMs === null) {
      this.#isClosed = true;
      this.#events.refused(new BusRefusal(said, refusal.code));
      return;
    }
    this.#retryTimer = setTimeout(() => this.#try(), retryInMs ?? 0);
    this.#hold();
    this.#events.down(said, error, retryInMs ?? 0);
  }

  /** Null: nobody is left who could be tried. */
  #afterRefusal(): number | null {
    const { random = Math.random } = this.#options;
    return this.#addresses.refused(performance.now(), random());
  }

  #afterFailure(): number {
    const isSound =
      this.#upSince !== null && performance.now() - this.#upSince >= this.#backoff.capMs;
    this.#upSince = null;
    const rounds = this.#addresses.failed(isSound);
    const { random = Math.random } = this.#options;
    return rounds === 0 ? 0 : retryDelayMs(rounds, random(), this.#backoff);
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
    this.#probe?.stop();
    this.#probe = null;
  }
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

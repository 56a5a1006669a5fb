/**
 * What this member says to all. It comes back by the bus, in the order in which all others hear it: only then it is
 * delivered here, too, and only then it is known to have been passed on. What has not come back when the connection is
 * lost is said again.
 */

import { Backlog } from "../core/socket-io/backlog.ts";
import { isTooMuch } from "../core/socket-io/bounds.ts";
import type { Entry } from "../core/socket-io/terms.ts";
import { findSaid, type Local, type Said, saidOf } from "./said.ts";
import { piecesOf } from "./wire.ts";

const TRY_AGAIN_AFTER_MS = 100;

export interface OutflowPort {
  readonly me: string;
  publish(piece: Buffer): Promise<void>;
  /** One of this member's own, in its turn. Never throws. */
  deliver(entry: Entry): void;
  /** What could not be published: true where it is to be tried again. */
  refused(error: unknown): boolean;
  /** So many of the oldest will not be said. */
  dropped(count: number): void;
}

/**
 * `waiting`: not begun yet. `open`: as it should be. `detaching`: what waits is delivered here. `detached`: there is no bus
 * for now. `alone`: there will be none.
 */
export type OutflowState = "waiting" | "open" | "detaching" | "detached" | "alone";

export class Outflow {
  readonly #port: OutflowPort;
  readonly #items = new Backlog<Said | Local>();
  #n = 0;
  #state: OutflowState = "waiting";
  #connection = 1;
  /** The newest that has come back by this connection. */
  #heardUpTo = 0;
  /** So many at the front have been sent by this connection. */
  #sent = 0;
  #lastSent = 0;
  #bytes = 0;
  #undelivered = 0;
  #isPumping = false;

  constructor(port: OutflowPort) {
    this.#port = port;
  }

  get state(): OutflowState {
    return this.#state;
  }

  /** The number that the next entry gets. */
  get next(): number {
    return this.#n + 1;
  }

  /** The number of the last entry that the bus was given. */
  get lastSent(): number {
    return this.#lastSent;
  }

  /**
   * Says it to all, and gives back its number. `isEarly`: it need not come back before it is delivered here, unless others
   * do before it. Throws HF_BUS_TOO_LARGE.
   */
  say(kind: string, meta: unknown, body: Uint8Array, isEarly = false): number {
    const { me: from } = this.#port;
    const entry: Entry = { from, n: this.#n + 1, at: Date.now(), kind, meta, body };
    const pieces = this.#state === "alone" ? [] : piecesOf(entry);
    this.#n += 1;
    if (this.#state === "alone") this.#port.deliver(entry);
    else this.#take(entry, pieces, isEarly);
    return entry.n;
  }

  #take(entry: Entry, pieces: readonly Buffer[], isEarly: boolean): void {
    const said = saidOf(entry, pieces);
    const isAtOnce = (this.#state === "detached" || isEarly) && this.#undelivered === 0;
    this.#items.push(said);
    this.#bytes += said.bytes;
    this.#undelivered += 1;
    if (isAtOnce) this.#do(said);
    this.#bound();
    void this.#pump();
  }

  /** Runs it when all that was said before has been delivered here. `waits`: that is later, which may throw. */
  inTurn(run: () => void, waits = (): void => {}): void {
    if (this.#undelivered === 0) return run();
    waits();
    this.#items.push({ run, isDone: false });
  }

  /** One of this member's own has come back. */
  heard(n: number): void {
    const said = findSaid(this.#items, n);
    if (said) {
      said.isHeard = true;
      said.by = this.#connection;
    }
    this.#heardUpTo = Math.max(this.#heardUpTo, n);
    this.#advance();
  }

  /** There is a connection: what has not come back is said again. */
  open(): void {
    if (this.#state === "alone") return;
    this.#state = "open";
    void this.#pump();
  }

  /** The connection is lost. */
  lost(): void {
    this.#connection += 1;
    this.#heardUpTo = 0;
    this.#sent = 0;
  }

  /** There is no bus, for now or for good: what was said is delivered here. */
  detach(state: "detached" | "alone"): void {
    if (this.#state === "alone") return;
    this.#state = "detaching";
    const failures = this.#doAll();
    // By then it may have ended here.
    if (this.#state === "detaching") this.#leave(state);
    if (failures.length > 0) throw failures[0];
  }

  /** What an app says meanwhile comes after all that waits. Where one throws, the others still have their turn. */
  #doAll(): readonly unknown[] {
    const failures: unknown[] = [];
    for (let place = 0; place < this.#items.length; place += 1) {
      try {
        this.#do(this.#items.at(place) as Said | Local);
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  }

  #leave(state: "detached" | "alone"): void {
    this.#state = state;
    this.#items.keep((item) => state !== "alone" && "entry" in item);
    this.#sent = 0;
    if (state === "alone") this.#bytes = 0;
  }

  /** Resolves when all that was said until now has come back, or there is no bus. */
  flush(): Promise<void> {
    const isOff = this.#state === "detached" || this.#state === "alone";
    if (this.#items.length === 0 || isOff) return Promise.resolve();
    return new Promise((run) => void this.#items.push({ run, isDone: false }));
  }

  #advance(): void {
    for (let item = this.#items.at(0); item !== undefined; item = this.#items.at(0)) {
      if ("entry" in item && !this.#hasComeBack(item)) return;
      this.#shift();
      this.#do(item);
    }
  }

  #shift(): Said | Local | undefined {
    const item = this.#items.shift();
    if (this.#sent > 0) this.#sent -= 1;
    if (item && "entry" in item) this.#bytes -= item.bytes;
    return item;
  }

  /** What went by one connection comes back in its order: one that comes back stands for all before it. */
  #hasComeBack({ isHeard, by, entry }: Said): boolean {
    return isHeard || (by === this.#connection && entry.n <= this.#heardUpTo);
  }

  /** It has its turn here, once. */
  #do(item: Said | Local): void {
    if (item.isDone) return;
    item.isDone = true;
    if ("run" in item) return item.run();
    this.#undelivered -= 1;
    this.#port.deliver(item.entry);
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      for (;;) {
        const said = this.#next();
        if (!said) return;
        await this.#send(said);
      }
    } finally {
      this.#isPumping = false;
    }
  }

  #next(): Said | undefined {
    if (this.#state !== "open") return undefined;
    for (; this.#sent < this.#items.length; this.#sent += 1) {
      const item = this.#items.at(this.#sent) as Said | Local;
      if ("entry" in item && !item.isHeard && item.by !== this.#connection) return item;
    }
    return undefined;
  }

  async #send(said: Said): Promise<void> {
    const connection = this.#connection;
    try {
      for (const piece of said.pieces) {
        await this.#port.publish(piece);
        if (connection !== this.#connection) return;
      }
      said.by = connection;
      this.#lastSent = Math.max(this.#lastSent, said.entry.n);
    } catch (error) {
      if (!this.#port.refused(error)) return this.#giveUp(said);
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_AFTER_MS).unref());
    }
  }

  /** The bus is there, and will not take it whenever it is tried: what comes after it does not wait for it. */
  #giveUp(said: Said): void {
    if (this.#state !== "open") return;
    said.isHeard = true;
    this.#port.dropped(1);
    this.#advance();
  }

  #bound(): void {
    if (this.#state === "detaching") return;
    const isOver = (): boolean =>
      isTooMuch(this.#state === "open", this.#items.length, this.#bytes);
    let dropped = 0;
    while (this.#items.length > 1 && isOver()) {
      const item = this.#shift() as Said | Local;
      if ("entry" in item) dropped += 1;
      this.#do(item);
    }
    if (dropped === 0) return;
    this.#port.dropped(dropped);
    // What is done here after those has its turn.
    this.#advance();
  }
}

/** One end of a bus connection: frames in both directions, batched, bounded by credit. */

import type { Duplex } from "node:stream";
import { BusFrameReader } from "./bus-frame-reader.ts";
import {
  BUS,
  type BusFrame,
  creditOf,
  isWindowed,
  type MeasuredFrame,
  measureBusFrame,
  type OutgoingFrame,
} from "./bus-frames.ts";
import { Outbox } from "./bus-outbox.ts";
import { Returns } from "./bus-returns.ts";
import { Window } from "./bus-window.ts";
import { FrameError } from "./frames.ts";

/** A side that leaves this much unread, of what needs no credit, is stopped: it is left rather than remembered for. */
const UNREAD_MAX_BYTES = 16 * 1024 * 1024;
/** No window is larger, whatever a hello says: one that is used up is not taken for a side that does not read. */
const LARGEST_WINDOW_BYTES = UNREAD_MAX_BYTES / 2;
/** How long the other side may take to read what was said last. */
const LINGER_MS = 5000;

export interface LinkOptions {
  /** What the other side may send before anything of it was worked off: what our hello says. */
  readonly windowBytes: number;
  /** The longest whole frame, either way. */
  readonly longestBytes: number;
  /** What the other side may leave unread of what needs no credit. Default 16 MiB; then the link ends. */
  readonly unreadMaxBytes?: number;
  /** How long `end` waits for the other side. Default 5000. */
  readonly lingerMs?: number;
  /** How long a little credit waits for something to go along with: a write costs much. Default 0, with its turn. */
  readonly creditWaitsMs?: number;
}

export interface LinkEvents {
  /**
   * A frame has come; credit is the link's own affair. Its body is a view of what was received. What this throws
   * ends the link and is told by `closed`.
   */
  frame(frame: BusFrame): void;
  /** An `offer` was refused, and the window has opened since. */
  credit(): void;
  /** The other side has worked off so many bytes of what was offered. */
  worked?(bytes: number): void;
  /**
   * Once, when all is over. `reason`: what went wrong, null where either side ended in order; `error`: what the
   * system or a handler threw.
   */
  closed(reason: string | null, error: Error | null): void;
}

export class BusLink {
  readonly #socket: Duplex;
  readonly #events: LinkEvents;
  readonly #reader: BusFrameReader;
  readonly #returns: Returns;
  readonly #outbox: Outbox;
  readonly #lingerMs: number;
  readonly #gone: Promise<void>;
  #longestOut: number;
  /** Null until the other side has said how much it takes. */
  #window: Window | null = null;
  #isWanted = false;
  /** Nothing is sent or heard any more. */
  #isOver = false;
  #linger: NodeJS.Timeout | null = null;
  #reason: string | null = null;
  #error: Error | null = null;

  constructor(socket: Duplex, options: LinkOptions, events: LinkEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#reader = new BusFrameReader(options.longestBytes);
    this.#returns = new Returns(options, () => this.#outbox.schedule());
    this.#outbox = new Outbox(socket, {
      leaving: () => {
        const granted = this.#returns.grant();
        if (granted > 0) this.#outbox.put(measureBusFrame(creditOf(granted)));
      },
      left: (unreadBytes) => this.#notice(unreadBytes, options.unreadMaxBytes),
    });
    this.#longestOut = options.longestBytes;
    this.#lingerMs = options.lingerMs ?? LINGER_MS;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("end", () => this.#halfClosed());
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    this.#gone = new Promise((resolve) => {
      socket.once("close", () => {
        this.#closed();
        resolve();
      });
    });
  }

  /** Sent here, and not taken by the system yet. */
  get unsentBytes(): number {
    return this.#outbox.unsentBytes;
  }

  /**
   * Sends a frame that needs no credit, at the end of this turn. After the end it does nothing: `closed` tells.
   * A body of 16 KiB or more is not copied: it must not change afterwards. Throws FrameError for a frame that is
   * longer than the other side takes, or whose subject is none.
   */
  send(frame: OutgoingFrame): void {
    if (isWindowed(frame.kind)) throw new Error("frames of this kind need credit: offer them");
    this.#outbox.put(this.#measured(frame));
  }

  /**
   * Sends a publish or a request if the window allows it. False: it was not sent, try again after `credit`; after
   * the end there is none. Throws as `send` does.
   */
  offer(frame: OutgoingFrame): boolean {
    const measured = this.#measured(frame);
    if (this.#isOver) return false;
    if (!this.#window?.takes(measured.bytes)) {
      this.#isWanted = true;
      return false;
    }
    try {
      this.#outbox.put(measured);
    } catch (error) {
      this.#window.give(measured.bytes);
      throw error;
    }
    return true;
  }

  /** Whether the window allows a publish or a request of so many bytes now. */
  hasRoom(bytes: number): boolean {
    return !this.#isOver && this.#window !== null && this.#window.hasRoom(bytes);
  }

  /** So many bytes of windowed frames (their `bytes`) were worked off: the other side may send as much again. */
  worked(bytes: number): void {
    this.#returns.worked(bytes);
  }

  /** What the other side's hello said: what it takes at once, and its longest frame. */
  openWindow(bytes: number, longestBytes = this.#longestOut): void {
    this.#window = new Window(Math.min(bytes, LARGEST_WINDOW_BYTES));
    this.#longestOut = Math.min(this.#longestOut, longestBytes);
    this.#tellCredit();
  }

  /**
   * Writes out what was sent, then closes; what still comes is dropped. Resolves when it is closed, at the latest
   * after `lingerMs`.
   */
  end(): Promise<void> {
    if (!this.#isOver) {
      this.#outbox.flush();
      this.#windUp();
    }
    return this.#gone;
  }

  /** Closes at once; what was not written is lost. `reason` is told by `closed`. */
  destroy(reason: string): void {
    this.#fail(reason);
  }

  #measured(frame: OutgoingFrame): MeasuredFrame {
    const measured = measureBusFrame(frame);
    const [bytes, taken] = [measured.bytes, this.#longestOut];
    if (bytes <= taken) return measured;
    throw new FrameError(`a frame of ${bytes} bytes where the other side takes ${taken}`);
  }

  #notice(unreadBytes: number, mostBytes = UNREAD_MAX_BYTES): void {
    if (unreadBytes > mostBytes) this.#fail(`it does not read: ${unreadBytes} bytes wait for it`);
  }

  #read(chunk: Buffer): void {
    if (this.#isOver) return;
    let what = "it sent";
    try {
      const frames = this.#reader.push(chunk);
      what = "a frame was not handled:";
      for (const frame of frames) {
        this.#hear(frame);
        if (this.#isOver) return;
      }
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#fail(`${what} ${error.message}`, error);
    }
  }

  #hear(frame: BusFrame): void {
    if (frame.kind === BUS.credit) {
      this.#window?.give(frame.id);
      this.#events.worked?.(frame.id);
      this.#tellCredit();
    } else if (isWindowed(frame.kind) && !this.#returns.took(frame.bytes)) {
      this.#fail("it sent more than its window allows");
    } else this.#events.frame(frame);
  }

  #tellCredit(): void {
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.#events.credit();
  }

  /** The other side says nothing more, so nobody would hear of what is said to it. */
  #halfClosed(): void {
    if (this.#isOver) return;
    if (this.#reader.heldBytes > 0) return this.#fail("it ended in the middle of a frame");
    // Where the socket does not stay half open, Node takes no more writes from here on.
    if (this.#socket.allowHalfOpen) this.#outbox.flush();
    this.#windUp();
  }

  #windUp(): void {
    this.#isOver = true;
    this.#outbox.close();
    this.#linger = setTimeout(() => {
      const reason = `it has not read what was left within ${this.#lingerMs} ms`;
      if (!this.#socket.writableFinished) this.#reason ??= reason;
      this.#socket.destroy();
    }, this.#lingerMs);
    this.#linger.unref();
    this.#socket.end();
  }

  #fail(reason: string, error: Error | null = null): void {
    this.#reason ??= reason;
    this.#error ??= error;
    this.#isOver = true;
    this.#outbox.close();
    this.#socket.destroy();
  }

  #closed(): void {
    if (this.#linger) clearTimeout(this.#linger);
    this.#returns.close();
    if (this.#error) this.#reason ??= `the connection failed: ${this.#error.message}`;
    this.#isOver = true;
    this.#outbox.close();
    this.#events.closed(this.#reason, this.#error);
  }
}

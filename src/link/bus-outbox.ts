/** The sending half of a link: collects during a turn of the event loop, writes at its end. */

import type { Writable } from "node:stream";
import { Batch } from "./bus-batch.ts";
import type { MeasuredFrame } from "./bus-frames.ts";

/** A batch of this size goes at once: the other side can begin with it. */
const FULL_BATCH_BYTES = 64 * 1024;

/** Of writes that follow one another sooner than this, more is gathered before each. */
const QUIET_MS = 0.1;

export interface OutboxEvents {
  /** A write is about to leave: what is added now goes along. */
  leaving(): void;
  /** A write has left: so many bytes of all writes has the system not taken. */
  left(unreadBytes: number): void;
}

export class Outbox {
  readonly #stream: Writable;
  readonly #events: OutboxEvents;
  readonly #batch = new Batch();
  #isScheduled = false;
  #flushedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(stream: Writable, events: OutboxEvents) {
    this.#stream = stream;
    this.#events = events;
  }

  get unsentBytes(): number {
    return this.#batch.bytes + this.#stream.writableLength;
  }

  /** Sends a frame at the end of this turn. Throws FrameError for one that cannot be one. */
  put(measured: MeasuredFrame): void {
    if (this.#isClosed) return;
    this.#batch.add(measured);
    if (this.#batch.bytes >= FULL_BATCH_BYTES) this.flush();
    else this.schedule();
  }

  /**
   * A flush at the end of the turn: all sockets have been read by then, and one write takes what came of it. Where
   * nothing was written for a moment, at the end of this call already: a single message waits for nobody.
   */
  schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    const isQuiet = performance.now() - this.#flushedAt > QUIET_MS;
    if (isQuiet) process.nextTick(this.#scheduled);
    else setImmediate(this.#scheduled);
  }

  readonly #scheduled = (): void => {
    this.#isScheduled = false;
    this.flush();
    this.#flushedAt = performance.now();
  };

  flush(): void {
    if (this.#isClosed) return;
    this.#events.leaving();
    if (this.#batch.bytes === 0) return;
    this.#batch.drainInto(this.#stream);
    this.#events.left(this.#stream.writableLength);
  }

  /** Nothing more is written; what is not flushed is dropped. */
  close(): void {
    this.#isClosed = true;
    this.#batch.clear();
  }
}

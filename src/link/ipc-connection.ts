/** An IpcPipe's connection once it is there: lines in, lines out, and one descriptor at a time in each direction. */

import { getSystemErrorName } from "node:util";
import type { Handle, IpcInternals, PipeHandle } from "./ipc-internals.ts";
import { boundedLines, type Line } from "./ipc-lines.ts";
import type { IpcPipe, IpcPipeEvents } from "./ipc-pipe.ts";
import { ARRIVED, isTooLong, LOST, lineOf, readWire } from "./ipc-wire.ts";
import { throttleReads } from "./read-throttle.ts";

/** More messages or bytes than these waiting for a peer: it is stopped or busy. */
const QUEUED_MESSAGES_MAX = 50;
const QUEUED_BYTES_MAX = 64 * 1024;

type Sent = (error: Error | null) => void;

interface Outgoing {
  readonly line: string;
  readonly handle: unknown;
  /** Called once. */
  settle(error: Error | null): void;
}

/** Begins to read. `isThrottled`: whoever sends more than can be wanted waits. */
export function openConnection(
  pipe: PipeHandle,
  internals: IpcInternals,
  events: IpcPipeEvents,
  { isThrottled }: { isThrottled: boolean },
): IpcPipe {
  return new PipeConnection(pipe, internals, events, isThrottled);
}

/** What never was, or is over before it began. */
export function closedPipe(events: IpcPipeEvents): IpcPipe {
  process.nextTick(() => events.closed());
  return {
    send: (_message, _handle, sent) => process.nextTick(() => sent?.(ended())),
    isCongested: () => true,
    destroy: () => {},
    ref: () => {},
    unref: () => {},
    isOpen: false,
  };
}

class PipeConnection implements IpcPipe {
  readonly #pipe: PipeHandle;
  readonly #internals: IpcInternals;
  readonly #events: IpcPipeEvents;
  readonly #lines = boundedLines(() => this.#events.fault?.("too-long"));
  readonly #throttle: (bytes: number) => void;
  /** Whatever has not been settled. */
  readonly #unsettled = new Set<Outgoing>();
  /** What waits behind a handle that is not acknowledged. */
  readonly #queue: Outgoing[] = [];
  #awaited: Outgoing | null = null;
  /** A descriptor that has come, until its line is whole. */
  #arrived: Handle | null = null;
  #bytesRead = 0;
  #isOpen = true;
  /** By us: what is read already is not wanted either. */
  #isDestroyed = false;

  constructor(
    pipe: PipeHandle,
    internals: IpcInternals,
    events: IpcPipeEvents,
    isThrottled: boolean,
  ) {
    this.#pipe = pipe;
    this.#internals = internals;
    this.#events = events;
    this.#throttle = isThrottled ? throttleReads(pipe, () => this.#isOpen) : () => {};
    pipe.pendingHandle = null;
    pipe.onread = (bytes) => this.#read(bytes);
    if (pipe.readStart() < 0) this.#end();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(message: unknown, handle?: unknown, sent?: Sent): void {
    const line = lineOf(message, handle !== undefined);
    const outgoing = this.#outgoing(line, handle, sent);
    if (!this.#isOpen) outgoing.settle(ended());
    else if (isTooLong(line)) outgoing.settle(new Error("the message is too long"));
    else if (this.#awaited) this.#queue.push(outgoing);
    else this.#write(outgoing);
  }

  isCongested(): boolean {
    if (!this.#isOpen || this.#queue.length > QUEUED_MESSAGES_MAX) return true;
    return this.#pipe.writeQueueSize > QUEUED_BYTES_MAX;
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#end();
  }

  ref(): void {
    if (this.#isOpen) this.#pipe.ref();
  }

  unref(): void {
    if (this.#isOpen) this.#pipe.unref();
  }

  #outgoing(line: string, handle: unknown, sent: Sent | undefined): Outgoing {
    let isSettled = false;
    const outgoing = {
      ...{ line, handle },
      settle: (error: Error | null): void => {
        this.#unsettled.delete(outgoing);
        if (!isSettled && sent) process.nextTick(sent, error);
        isSettled = true;
      },
    };
    if (this.#isOpen) this.#unsettled.add(outgoing);
    return outgoing;
  }

  #write(outgoing: Outgoing): void {
    const { line, handle } = outgoing;
    if (handle !== undefined) this.#awaited = outgoing;
    const done = (status: number): void => {
      if (status < 0) this.#unsent(outgoing, status);
      else if (handle === undefined) outgoing.settle(null);
    };
    const status = this.#put(line, handle, done);
    if (status < 0) this.#unsent(outgoing, status);
    // What went out at once completes without a word.
    else if (handle === undefined && this.#pipe.writeQueueSize === 0) outgoing.settle(null);
  }

  /** Writes; `done` hears of it unless it was done at once. Returns 0, or a negative errno. */
  #put(line: string, handle?: unknown, done: (status: number) => void = () => {}): number {
    if (!this.#isOpen) return 0;
    const request = new this.#internals.WriteRequest();
    request.oncomplete = done;
    return this.#pipe.writeUtf8String(request, line, handle);
  }

  #unsent(outgoing: Outgoing, status: number): void {
    outgoing.settle(new Error(`the peer was not reached: ${getSystemErrorName(status)}`));
    if (this.#awaited === outgoing) this.#next();
  }

  #next(): void {
    this.#awaited = null;
    while (!this.#awaited && this.#isOpen) {
      const next = this.#queue.shift();
      if (!next) return;
      this.#write(next);
    }
  }

  #read(bytes: ArrayBuffer | undefined): void {
    if (!this.#isOpen) return;
    if (!bytes) return this.#end();
    // Node 26 may hand over a buffer that is longer than what was read into it.
    const chunk = Buffer.from(bytes, 0, this.#pipe.bytesRead - this.#bytesRead);
    this.#bytesRead = this.#pipe.bytesRead;
    const isNew = this.#pipe.pendingHandle !== null;
    if (isNew) this.#forsake();
    this.#arrived = this.#pipe.pendingHandle ?? this.#arrived;
    this.#pipe.pendingHandle = null;
    this.#throttle(chunk.length);
    const found = this.#lines.push(chunk);
    for (const line of found) this.#hear(line);
    // A descriptor comes with the first bytes of its own line: that line has been dropped.
    if (isNew ? !this.#lines.isOpen() : found.length > 0) this.#forsake();
  }

  #hear({ bytes, isCut }: Line): void {
    // Its length has been told already.
    if (isCut) return;
    const line = readWire(bytes);
    if (!line) return this.#events.fault?.("malformed");
    if (line.a !== undefined) this.#acknowledged(line.a === 1);
    else if (line.h === undefined) this.#deliver(line.m, undefined);
    else if (this.#arrived) {
      const handle = this.#arrived;
      this.#arrived = null;
      this.#put(ARRIVED);
      this.#deliver(line.m, handle);
    } else this.#put(LOST);
  }

  /** Later, so that a listener that throws or destroys the pipe meets nobody in the middle of the bytes. */
  #deliver(message: unknown, handle: Handle | undefined): void {
    process.nextTick(() => {
      if (this.#isDestroyed) handle?.close();
      else this.#events.message(message, handle);
    });
  }

  #acknowledged(hasArrived: boolean): void {
    const awaited = this.#awaited;
    if (!awaited) return;
    awaited.settle(hasArrived ? null : new Error("the peer could not take the descriptor"));
    this.#next();
  }

  /** Closes a descriptor whose line is lost, so that no client hangs on it; its sender waits for an answer. */
  #forsake(): void {
    if (!this.#arrived) return;
    this.#arrived.close();
    this.#arrived = null;
    this.#put(LOST);
  }

  #end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#arrived?.close();
    this.#arrived = null;
    this.#pipe.close();
    this.#queue.length = 0;
    this.#awaited = null;
    for (const outgoing of [...this.#unsettled]) outgoing.settle(ended());
    process.nextTick(() => this.#events.closed());
  }
}

function ended(): Error {
  return new Error("the connection has ended");
}

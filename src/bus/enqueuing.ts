/** A message on its way into a durable queue: said again over each new connection until it is answered. */

import type { BusFrame, Head, OutgoingFrame } from "../link/bus-frames.ts";
import { BUS } from "../link/bus-frames.ts";
import { errorOf } from "./failure.ts";
import { type Parcel, waitingBytes } from "./outbox.ts";
import type { Awaited, Pending } from "./pending.ts";

export class Enqueuing implements Parcel, Awaited {
  readonly subject: string;
  readonly bytes: number;
  /** Resolves with what the supervisor's answer says, when the message is stored. */
  readonly done: Promise<Head>;
  readonly #frame: OutgoingFrame;
  readonly #pending: Pending;
  #resolve!: (head: Head) => void;
  #reject!: (error: unknown) => void;

  /** The frame's head names the call, so that the supervisor knows one that it has heard before. */
  constructor(frame: OutgoingFrame, pending: Pending) {
    this.subject = frame.subject;
    this.bytes = waitingBytes(frame);
    this.#frame = frame;
    this.#pending = pending;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  frame(): OutgoingFrame {
    return this.#frame;
  }

  sent(): void {
    this.#pending.add(this.#frame.id, this);
  }

  heard(frame: BusFrame): boolean {
    if (frame.kind === BUS.failure) this.#reject(errorOf(frame, this.subject));
    else this.#resolve(frame.head ?? {});
    return true;
  }

  lost(): Parcel {
    return this;
  }

  failed(error: unknown): void {
    this.#reject(error);
  }
}

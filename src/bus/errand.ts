/** Something the supervisor is to do once, and whose answer may be awaited: a publish, a sync, a fetch. */

import { HoldfastError } from "../errors.ts";
import { BUS, type BusFrame, type Head, type OutgoingFrame } from "../link/bus-frames.ts";
import { errorOf } from "./failure.ts";
import { type Parcel, waitingBytes } from "./outbox.ts";
import type { Awaited, Pending } from "./pending.ts";

export interface ErrandTerms {
  readonly frame: OutgoingFrame;
  /** What it is about, for errors: `the publish on "orders.created"`. */
  readonly subject: string;
  readonly action: string;
  /** False: it is done as soon as it is on its way. */
  readonly isConfirmed: boolean;
  /** Takes what comes before `done`. Never throws. */
  value?(frame: BusFrame): void;
}

export class Errand implements Parcel, Awaited {
  readonly subject: string;
  /** Resolves with what the supervisor's word says in its head, if anything. */
  readonly done: Promise<Head | null>;
  readonly #terms: ErrandTerms;
  readonly #pending: Pending;
  #bytes: number | null = null;
  #resolve!: (head: Head | null) => void;
  #reject!: (error: unknown) => void;

  constructor(terms: ErrandTerms, pending: Pending) {
    this.subject = terms.subject;
    this.#terms = terms;
    this.#pending = pending;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get bytes(): number {
    this.#bytes ??= waitingBytes(this.#terms.frame);
    return this.#bytes;
  }

  frame(): OutgoingFrame {
    return this.#terms.frame;
  }

  sent(): void {
    if (this.#terms.isConfirmed) this.#pending.add(this.#terms.frame.id, this);
    else this.#resolve(null);
  }

  heard(frame: BusFrame): boolean {
    if (frame.kind === BUS.publish) {
      this.#terms.value?.(frame);
      return false;
    }
    if (frame.kind === BUS.failure) this.#reject(errorOf(frame, this.subject));
    else this.#resolve(frame.head);
    return true;
  }

  lost(): null {
    this.#reject(new HoldfastError("HF_BUS_CONNECTION_LOST", { action: this.#terms.action }));
    return null;
  }

  failed(error: unknown): void {
    this.#reject(error);
  }
}

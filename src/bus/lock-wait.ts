/** A lock that is waited for, over lost connections, until it is granted, refused or no longer wanted. */

import { HoldfastError } from "../errors.ts";
import { BUS, type BusFrame, type OutgoingFrame } from "../link/bus-frames.ts";
import { errorOf } from "./failure.ts";
import { frameOf, headOrNull } from "./frames-out.ts";
import { type Parcel, waitingBytes } from "./outbox.ts";
import type { PartPort } from "./part.ts";
import type { Awaited } from "./pending.ts";

/** The supervisor says when the time is over; so much later it has not been heard. */
const GRACE_MS = 5000;

export interface LockWaitTerms {
  readonly number: number;
  readonly name: string;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  granted(fence: number): void;
  /** It is over without a lock. */
  rejected(error: unknown): void;
}

export class LockWait implements Parcel, Awaited {
  readonly subject: string;
  readonly #terms: LockWaitTerms;
  readonly #port: PartPort;
  readonly #deadline: number;
  readonly #timer: NodeJS.Timeout | null;
  #bytes: number | null = null;
  #isOver = false;
  #isSent = false;

  constructor(terms: LockWaitTerms, port: PartPort) {
    const { name, timeoutMs, signal } = terms;
    this.subject = name;
    this.#terms = terms;
    this.#port = port;
    this.#deadline = performance.now() + (timeoutMs ?? Number.POSITIVE_INFINITY);
    this.#timer =
      timeoutMs === undefined ? null : setTimeout(this.#late, timeoutMs + GRACE_MS).unref();
    signal?.addEventListener("abort", this.#aborted, { once: true });
  }

  get bytes(): number {
    this.#bytes ??= waitingBytes(this.#frame());
    return this.#bytes;
  }

  frame(): OutgoingFrame | null {
    return this.#isOver ? null : this.#frame();
  }

  sent(): void {
    this.#isSent = true;
    this.#port.pending.add(this.#terms.number, this);
  }

  heard(frame: BusFrame): boolean {
    if (frame.kind === BUS.failure) this.failed(this.#refusal(frame));
    else if (this.#finish()) this.#terms.granted(Number(frame.head?.fence));
    return true;
  }

  /** It waits again, behind those who have come back before. */
  lost(): Parcel | null {
    this.#isSent = false;
    return this;
  }

  failed(error: unknown): void {
    if (this.#finish()) this.#terms.rejected(error);
  }

  /** It is not wanted any more. */
  cancel(error: unknown): void {
    if (this.#isOver) return;
    const { number } = this.#terms;
    this.#port.pending.remove(number);
    if (this.#isSent) this.#port.link?.send(frameOf(BUS.unlock, number));
    this.failed(error);
  }

  /** False: it was over before. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#terms.signal?.removeEventListener("abort", this.#aborted);
    return true;
  }

  #frame(): OutgoingFrame {
    const { number, name } = this.#terms;
    const leftMs = Math.max(0, Math.ceil(this.#deadline - performance.now()));
    const head = Number.isFinite(leftMs) ? { waitMs: leftMs } : {};
    return frameOf(BUS.lock, number, name, headOrNull(head));
  }

  #refusal(frame: BusFrame): Error {
    const { name, timeoutMs = 0 } = this.#terms;
    const error = errorOf(frame, name);
    const isLate = error instanceof HoldfastError && error.code === "HF_BUS_LOCKED";
    if (!isLate || timeoutMs === 0) return error;
    const reason = `${String(frame.head?.message)}, still after waiting ${timeoutMs} ms`;
    return new HoldfastError("HF_BUS_LOCKED", { name, reason });
  }

  readonly #aborted = (): void => this.cancel(this.#terms.signal?.reason);

  readonly #late = (): void => {
    const reason = `it has said nothing of the lock "${this.subject}"`;
    this.cancel(new HoldfastError("HF_BUS_UNREACHABLE", { reason }));
  };
}

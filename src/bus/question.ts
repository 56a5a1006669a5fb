/** A request under way: sent when there is room, answered, cancelled or given up. */

import { HoldfastError } from "../errors.ts";
import { BUS, type BusFrame, type OutgoingFrame } from "../link/bus-frames.ts";
import type { Body } from "./body.ts";
import { frameOf } from "./frames-out.ts";
import { type Parcel, waitingBytes } from "./outbox.ts";
import type { Awaited } from "./pending.ts";

/**
 * The supervisor ends a request at its deadline and says why, of a gather also who is missing: its word may be a
 * little on the way.
 */
const WORD_ARRIVES_MS = 100;
const GATHERED_ARRIVES_MS = 1000;

export interface Asked {
  readonly number: number;
  readonly subject: string;
  readonly body: Body;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly isIdempotent: boolean;
  /** Gather: the supervisor says when it is over. */
  readonly isForAll: boolean;
  /** What the head says besides the time left. */
  readonly head: Readonly<Record<string, unknown>>;
}

export interface QuestionPorts {
  /** Takes a frame that answers; true: it was the last. Never throws. */
  heard(frame: BusFrame): boolean;
  /** It is over without an answer. */
  reject(error: unknown): void;
  /** It is on its way: answers to its number are for this question. */
  await(question: Question): void;
  /** It is over here: answers are not for it any more, and the supervisor is to know. */
  cancel(): void;
  /** Why there is no connection; null: there is one. */
  unreachable(): HoldfastError | null;
}

export class Question implements Parcel, Awaited {
  readonly subject: string;
  readonly #asked: Asked;
  readonly #ports: QuestionPorts;
  /** On the clock of `performance`. */
  readonly #deadline: number;
  readonly #timer: NodeJS.Timeout;
  #bytes: number | null = null;
  #isSent = false;
  #isOver = false;
  #wasSentAgain = false;

  constructor(asked: Asked, ports: QuestionPorts) {
    this.subject = asked.subject;
    this.#asked = asked;
    this.#ports = ports;
    this.#deadline = performance.now() + asked.timeoutMs;
    const waitsMs = asked.timeoutMs + (asked.isForAll ? GATHERED_ARRIVES_MS : WORD_ARRIVES_MS);
    this.#timer = setTimeout(() => this.#late(), waitsMs);
    // Whether the process stays for it is said in one place.
    this.#timer.unref();
    asked.signal?.addEventListener("abort", this.#aborted, { once: true });
  }

  get bytes(): number {
    const { number, head, body } = this.#asked;
    this.#bytes ??= waitingBytes(frameOf(BUS.request, number, this.subject, head, body));
    return this.#bytes;
  }

  frame(): OutgoingFrame | null {
    if (this.#isOver) return null;
    const timeoutMs = Math.max(1, Math.ceil(this.#deadline - performance.now()));
    const { number, head, body } = this.#asked;
    return frameOf(BUS.request, number, this.subject, { ...head, timeoutMs }, body);
  }

  sent(): void {
    this.#isSent = true;
    this.#ports.await(this);
  }

  failed(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#ports.reject(error);
  }

  heard(frame: BusFrame): boolean {
    const isLast = this.#ports.heard(frame);
    if (isLast) this.#end();
    return isLast;
  }

  lost(): Parcel | null {
    if (this.#asked.isIdempotent && !this.#wasSentAgain) {
      this.#wasSentAgain = true;
      this.#isSent = false;
      return this;
    }
    const action = `the request for "${this.subject}"`;
    this.failed(new HoldfastError("HF_BUS_CONNECTION_LOST", { action }));
    return null;
  }

  #late(): void {
    const unreachable = this.#isSent ? null : this.#ports.unreachable();
    const { subject, timeoutMs } = this.#asked;
    const late = new HoldfastError("HF_BUS_TIMEOUT", { subject, afterMs: timeoutMs });
    this.#giveUp(unreachable ?? late);
  }

  readonly #aborted = (): void => this.#giveUp(this.#asked.signal?.reason);

  #giveUp(error: unknown): void {
    const wasSent = this.#isSent;
    this.failed(error);
    if (wasSent) this.#ports.cancel();
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#asked.signal?.removeEventListener("abort", this.#aborted);
  }
}

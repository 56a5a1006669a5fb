/** What programs see of locks and leaderships. */

import type { Duration } from "../config/app.ts";

export interface LockOptions {
  /** How long it is waited for, up to 24 h; for ever unless given. 0: tried once. Then HF_BUS_LOCKED. */
  readonly timeout?: Duration;
  /** Ends the waiting: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A lock that this process holds until it releases it, ends, or loses its connection. */
export interface Lock {
  readonly name: string;
  /** Higher than that of everybody who held it before: what the lock protects can refuse those that come too late. */
  readonly fence: number;
  /** Fires when the lock is lost, with HF_BUS_LOCK_LOST: connection or supervisor gone, or the bus closed. */
  readonly signal: AbortSignal;
  /** Resolves when another one may have it. One that is lost or released already stays so. Never rejects. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface LeaderTerm {
  /** Fires when the leadership is to end, with HF_BUS_LOCK_LOST: lost, or this process drains or stops it. */
  readonly signal: AbortSignal;
  /** As of a lock. */
  readonly fence: number;
}

/** Leads as long as what it returns is pending. */
export type LeadFunction = (term: LeaderTerm) => unknown;

/** There are none yet. */
export type LeaderOptions = Readonly<Record<never, never>>;

/** A process that leads, or wants to. */
export interface Leadership {
  readonly name: string;
  /** The function is at work, and its signal has not fired. */
  readonly isLeading: boolean;
  /**
   * Leads no more: its signal fires. Resolves when the function has ended and another one may lead; not to be awaited
   * within the function itself. Never rejects.
   */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What the exchange is told and what it tells: members, subscriptions, requests, outcomes. Types only. */

/** Who takes part: a worker of an app, another process (no worker), or the supervisor itself. */
export interface Member {
  /** Never used before. */
  readonly id: number;
  readonly app: string | null;
  readonly slot: number | null;
  readonly worker: number | null;
  readonly name: string | null;
}

/**
 * Only a ready member gets queue deliveries and requests; what it subscribes to without a queue it always gets. One
 * that is hung (its event loop stands) is given nothing that others wait for.
 */
export type MemberState = "starting" | "ready" | "draining" | "hung";

export interface Subscription {
  readonly member: number;
  /** Chosen by the member, from 1. */
  readonly number: number;
  readonly pattern: string;
  /** `listen`: to what is published; `reply`: to requests. */
  readonly kind: "listen" | "reply";
  /** Of all that share a queue's name one gets each message; null: everyone. Requests always go to one. */
  readonly queue: string | null;
  /** How the one is chosen; where members of a group differ, the oldest subscription of a ready one says it. */
  readonly by: "turns" | "idle" | "key";
}

export interface Target {
  readonly member: number;
  /** Subscription number; 0: all its subscriptions without a queue. */
  readonly to: number;
}

/** A request, as its sender means it. */
export interface Ask {
  readonly from: number;
  /** The sender's number for it. One that is still open under the same number is cancelled by it. */
  readonly id: number;
  readonly subject: string;
  /** In ms, on the clock of `now`. */
  readonly deadline: number;
  readonly key?: string;
  /** It may be worked on twice: goes to another member once when the first one is lost. */
  readonly idempotent?: boolean;
  /** Waits for somebody who replies, until the deadline. */
  readonly hold?: boolean;
  /** Gather: goes to every member that replies to it and is ready now. */
  readonly all?: boolean;
  readonly payload: unknown;
  /** What it weighs against the limit while it is held (0). */
  readonly bytes?: number;
}

export type FailureCode = "NO_RESPONDERS" | "WORKER_LOST" | "TIMEOUT" | "OVERLOADED";

/** What is to be sent to `member`. */
export type Outcome =
  | {
      readonly kind: "ask";
      readonly member: number;
      readonly to: number;
      readonly exchange: number;
      readonly subject: string;
      readonly deadline: number;
      readonly from: number;
      /** 2: another member was lost over it. */
      readonly attempt: number;
      readonly payload: unknown;
    }
  | {
      readonly kind: "answer";
      readonly member: number;
      readonly id: number;
      readonly from: Member;
      readonly payload: unknown;
    }
  | {
      readonly kind: "failed";
      readonly member: number;
      readonly id: number;
      readonly code: FailureCode;
      /** Who was asked; null: nobody was. */
      readonly from: Member | null;
      /** False: one member of a gather, which `gathered` ends. */
      readonly isLast: boolean;
    }
  | { readonly kind: "cancel"; readonly member: number; readonly exchange: number }
  | {
      readonly kind: "gathered";
      readonly member: number;
      readonly id: number;
      /** Who was asked and neither answered nor failed by the deadline. */
      readonly missing: readonly Member[];
    }
  | {
      readonly kind: "held";
      readonly member: number;
      readonly to: number;
      readonly payload: unknown;
    };

/** Whether a member cannot take so many bytes more now (its window is spent). */
export type IsFull = (member: number, bytes: number) => boolean;

/** Bounds of what is kept. */
export interface ExchangeLimits {
  /** Publishes and requests that wait for a subscriber (1,000). */
  readonly held?: number;
  /** The same in bytes, as far as the caller says what they weigh (16 MiB). */
  readonly heldBytes?: number;
  /** Exchanges under way at once: one for each member that works on a request (100,000). */
  readonly exchanges?: number;
}

/** How much is kept. */
export interface ExchangeSizes {
  readonly members: number;
  readonly subscriptions: number;
  /** Requests that wait for an answer. */
  readonly requests: number;
  readonly exchanges: number;
  /** Publishes and requests that wait for a subscriber. */
  readonly held: number;
  readonly heldBytes: number;
  readonly deadlines: number;
  /** Lists of receivers at hand. */
  readonly cached: number;
  /** Held publishes nobody came for, from the start. */
  readonly lapsed: number;
}

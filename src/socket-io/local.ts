/** What a namespace of this process does when a member says so. */

import type { JoinedText } from "../core/socket-io/joined.ts";
import type { Aim, Entry } from "../core/socket-io/terms.ts";
import type { Ear } from "./faults.ts";

/** Which sockets something is done with, and what. */
export interface ActMeta extends Aim {
  readonly nsp: string;
  readonly to: readonly string[] | boolean;
}

export interface Question extends Aim {
  readonly id: number;
  readonly nsp: string;
  /** Which sockets there are; an event of the server; an event of clients that answer. */
  readonly what: "fetch" | "emit" | "acks";
  readonly flags?: Readonly<Record<string, unknown>>;
}

/** What a member answers; null: it has no such namespace. */
export interface Answer {
  readonly id: number;
  readonly value: unknown;
  readonly isLast: boolean;
}

export interface Local extends Ear {
  /** The namespace's. */
  readonly name: string;
  /** How long sessions and packets are to be kept; null: clients cannot come back to theirs. */
  readonly times: { readonly sessionMs: number; readonly packetMs: number } | null;
  /** `offset` says what a client has had when it has this one. */
  deliver(entry: Entry, offset: () => string): void;
  act(kind: "join" | "leave" | "disconnect", meta: ActMeta): void;
  answer(
    question: Question,
    body: Uint8Array,
    reply: (value: unknown, isLast: boolean) => void,
  ): void;
  /** Tells all sessions of its clients again. */
  retell(): void;
  /** Ends the client's connection and gives back what its session was like; null: it is not here. Never throws. */
  handOver(pid: string): { readonly joined: JoinedText; readonly data: unknown } | null;
}

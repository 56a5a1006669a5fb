/**
 * How a worker finds its supervisor again: when the one that started it is gone, the agent dials the home's adoption
 * socket, says who it is, and goes on as if its IPC channel had never broken. From then on both say what they say by
 * IPC (agent-messages.ts), handles included, over an `IpcPipe`.
 */

import type { ListenRequest } from "./agent-messages.ts";

/** Raised when an older or newer peer could misunderstand. */
export const ADOPTION_PROTOCOL = 1;

/** Where a worker finds the next supervisor, and how it proves who it is. Part of HOLDFAST_AGENT. */
export interface HomeSettings {
  /** The adoption socket: a UNIX socket in the home, or within reach of the worker's user. */
  readonly socket: string;
  /** The user whose folder it is in, among those anybody could make; not told: it is in the home. */
  readonly keeper?: number;
  /** The worker's own; whoever has it is that worker. */
  readonly token: string;
  readonly app: string;
}

/** An address a worker listens on, and which of its shards it holds. */
export interface ListeningAt {
  readonly request: ListenRequest;
  readonly shards: readonly number[];
  /** The server listens: connections are accepted from what is attached. */
  readonly isListening: boolean;
}

/** The first message of a worker over the link. */
export interface AdoptionHello {
  readonly t: "hello";
  readonly protocol: number;
  readonly app: string;
  readonly worker: number;
  readonly pid: number;
  readonly token: string;
  readonly listening: readonly ListeningAt[];
}

/** The supervisor's first message: the link is the worker's channel from now on, or nobody wants this worker. */
export type AdoptionAnswer =
  | {
      readonly t: "welcome";
      readonly protocol: number;
      readonly pid: number;
      readonly version: string;
    }
  /** The worker is to end: it is replaced, or belongs to nobody. */
  | { readonly t: "refused"; readonly reason: string };

/** A part of a process's place on the bus that has frames of its own: what it shares with the others, and is told. */

import type { HoldfastError } from "../errors.ts";
import type { BusFrame, Head } from "../link/bus-frames.ts";
import type { BusLink } from "../link/bus-link.ts";
import type { ErrandTerms } from "./errand.ts";
import type { Events } from "./events.ts";
import type { KeepAlive } from "./keep-alive.ts";
import type { Outbox } from "./outbox.ts";
import type { Pending } from "./pending.ts";

/** What a part may use of the session it belongs to. */
export interface PartPort {
  readonly events: Events;
  readonly keepAlive: KeepAlive;
  /** What waits for the supervisor to have room. */
  readonly outbox: Outbox;
  /** What the supervisor owes an answer to: `done` and `failure` come to it. */
  readonly pending: Pending;
  /** Null while there is no connection. */
  readonly link: BusLink | null;
  /** Bytes a body may have. */
  readonly longestBody: number;
  /** To be called first: connects, and throws where nothing can be sent, nor wait to be sent. */
  use(action: string): BusLink | null;
  /** As `use`, for what a bus that closes takes no more of. */
  useWhileOpen(action: string): BusLink | null;
  /** A number that nothing else of this session has. */
  number(): number;
  /** Sends a frame in its turn, and resolves with the head of the word that it is done. */
  run(terms: ErrandTerms, link: BusLink | null): Promise<Head | null>;
}

export interface Part {
  /** The kinds of frames it hears. */
  readonly kinds: readonly number[];
  hear(frame: BusFrame, link: BusLink): void;
  /** Whether a number is in use here. */
  has(number: number): boolean;
  /** A connection is there, for the first time or again. */
  up(link: BusLink): void;
  /** It is lost, or could not be made. */
  down(): void;
  /** What waits for a connection has waited long enough; it is still tried. */
  unreachable(error: HoldfastError): void;
  /** There will be no connection any more. */
  fail(error: HoldfastError): void;
  /**
   * The process drains, or closes its bus: takes nothing more of what others could do, and resolves when what is at
   * work has ended.
   */
  drain(isClosing: boolean): Promise<void>;
}

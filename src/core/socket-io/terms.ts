/** What the members of a Socket.IO cluster say to all: entries, numbered by their sender. Pure. */

export interface Entry {
  /** The member that says it. */
  readonly from: string;
  /** Counts what this member has said, from 1. */
  readonly n: number;
  /** When it was said, in ms since 1970. */
  readonly at: number;
  /**
   * `packet`: a broadcast that a client may be sent again; `fleeting`: one that it may not; `join`, `leave`,
   * `disconnect`: what is to be done with sockets; `ask`: every member answers; `sessions`, `claim`, `moved`: what
   * sessions are like, that one is wanted elsewhere, what it was like there; `hello`, `bye`: a member is there, or leaves; `sign`:
   * all that it said before has been passed on.
   */
  readonly kind: string;
  /** What JSON can say, by kind. */
  readonly meta: unknown;
  /** Packed data. */
  readonly body: Uint8Array;
}

/** Which sockets a broadcast is for. No rooms: all. */
export interface Aim {
  readonly rooms: readonly string[];
  readonly except: readonly string[];
}

/** Of an entry of the kind `packet`. */
export interface PacketMeta extends Aim {
  readonly nsp: string;
  readonly type: number;
  readonly flags?: Readonly<Record<string, unknown>>;
}

/** Up to which number something of each member has come. */
export type Positions = ReadonlyMap<string, number>;

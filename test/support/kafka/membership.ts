/** What members of a consumer group ask its coordinator, and what they are told. */

/** Kafka's numbers for what a coordinator answers. */
export const CODES = {
  none: 0,
  illegalGeneration: 22,
  unknownMember: 25,
  rebalanceInProgress: 27,
  invalidRequest: 42,
  fencedInstance: 82,
} as const;

export interface Identity {
  readonly memberId: string;
  readonly instance: string | null;
}

export interface JoinRequest extends Identity {
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  readonly protocol: string;
  readonly metadata: Buffer;
}

export interface JoinAnswer {
  readonly code: number;
  readonly generation: number;
  readonly protocol: string;
  readonly leader: string;
  /** The leader is to leave the assignment as it is. */
  readonly skipsAssignment: boolean;
  readonly memberId: string;
  readonly members: readonly { readonly id: string; instance: string | null; metadata: Buffer }[];
}

export interface SyncAnswer {
  readonly code: number;
  readonly protocol: string;
  readonly assignment: Buffer;
}

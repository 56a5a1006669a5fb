/** What a supervisor of another version is asked before it is let in, and what it answers. Types only. */

/** What it would take over. */
export interface TrialTerms {
  /** The home. */
  readonly directory: string;
  /** What the workers that run speak: ADOPTION_PROTOCOL of the supervisor that asks. */
  readonly adoption: number;
}

export interface TrialAnswer {
  /** Of the Holdfast that answers, and its Node. */
  readonly version: string;
  readonly node: string;
  /** Why it could not rule here, half a sentence; null where it could. */
  readonly reason: string | null;
}

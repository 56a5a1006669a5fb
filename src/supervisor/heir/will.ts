/** What a supervisor and its heir say to each other: the will, as the heir's one argument, and then messages by IPC. */

import type { Owner } from "../home-lock.ts";
import type { TrialAnswer, TrialTerms } from "../upgrade/trial.ts";

/** What an heir needs to become the supervisor. */
export interface Will {
  /** Whose heir it is. */
  readonly supervisor: Owner;
  /** The file whose `takeOver` makes it a supervisor. */
  readonly takeover: string;
  /** What the supervisor's command is run with. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** The version of Holdfast that hands over on purpose; left out: nobody does. */
  readonly upgradeFrom?: string;
  /** How many supervisors before this one ruled for a short time only, one after the other. */
  readonly shortReigns: number;
  /** How long this one had ruled when the heir was started, in milliseconds. */
  readonly ruledMs: number;
}

export interface ShardName {
  readonly app: string;
  readonly key: string;
  readonly shard: number;
}

export type ToHeir =
  /** With the listening handle; in the place of what it had by that name. */
  | { readonly t: "hold"; readonly shard: ShardName }
  | { readonly t: "release"; readonly shard: ShardName }
  /** Whether it could follow, now that its own code is loaded. */
  | { readonly t: "try"; readonly terms: TrialTerms }
  /** The supervisor is about to hand over: signals are meant for its successor from now on. */
  | { readonly t: "reign" }
  /** The supervisor ends in order: nobody follows. */
  | { readonly t: "end" };

export type FromHeir =
  /** It runs and knows its will. */
  | { readonly t: "ready" }
  | { readonly t: "tried"; readonly answer: TrialAnswer }
  /** The last `hold` or `release` is done: the next may come. */
  | { readonly t: "done" };

/** One text for one shard. */
export function shardId({ app, key, shard }: ShardName): string {
  return JSON.stringify([app, key, shard]);
}

/** Who accepts from which shard of an address, and how workers hear of it. */

import { assign, type Seats } from "../core/shards.ts";
import type { ListenRequest } from "../link/agent-messages.ts";
import type { Handle } from "./node-internals.ts";
import type { Sockname } from "./shards.ts";

/** How workers hear of their shards. */
export interface Attachments {
  attach(worker: number, key: string, shard: number, handle: Handle): void;
  detach(worker: number, key: string, shard: number): void;
  /** Asks for a duplicate of what the worker has. */
  giveBack(worker: number, key: string, shard: number): void;
}

/** An address an app listens on. */
export interface Listener {
  readonly request: ListenRequest;
  sockname: Sockname;
  /** Null: the supervisor of before had it, and it is not here. */
  readonly shards: (Handle | null)[];
  readonly openBy: Set<number>;
  /** Which workers have which shard. */
  seats: Seats;
}

/** Seats the workers that may accept here; they hear of what changes for them. */
export function seatAt(
  listener: Listener,
  eligible: readonly number[],
  { attach, detach }: Attachments,
): void {
  const { key } = listener.request;
  const seats = assign(listener.shards.length, eligible, listener.seats);
  const previous = listener.seats;
  listener.seats = seats;
  // All newcomers first: no shard is without an acceptor in between.
  seats.forEach((workers, shard) => {
    const handle = listener.shards[shard];
    for (const worker of workers) {
      if (handle && !previous[shard]?.includes(worker)) attach(worker, key, shard, handle);
    }
  });
  previous.forEach((workers, shard) => {
    for (const worker of workers) {
      if (!seats[shard]?.includes(worker)) detach(worker, key, shard);
    }
  });
}

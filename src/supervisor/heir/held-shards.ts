/** What an heir hands to the supervisor it becomes. */

import type { Handle } from "../node-internals.ts";

/** Bound sockets, by app, address and shard. */
export interface HeldShards {
  /** The socket, which is the caller's from now on; null where it is not held. */
  take(app: string, key: string, shard: number): Handle | null;
  /** Closes what nobody has taken. */
  closeRest(): void;
}

/** The time limit of a client's connection while a request of it is answered elsewhere, where the app may change it. */

import type { ServerResponse } from "node:http";
import type { InternalSocket } from "../node-internals.ts";

interface Lifted {
  /** Milliseconds. */
  readonly limit: number;
  /** Requests that are answered elsewhere. */
  count: number;
}

const lifted = new WeakMap<InternalSocket, Lifted>();

/** Until `restoreTimeout` is called as often. False: there is none, and nothing to restore. */
export function liftTimeout(client: InternalSocket, response: ServerResponse): boolean {
  const { timeout: limit } = client;
  // A response that waits for its turn stands behind one that may have lifted it.
  if (!limit && client._httpMessage === response) return false;
  const known = lifted.get(client);
  if (known) known.count += 1;
  else if (limit) lifted.set(client, { limit, count: 1 });
  else return false;
  if (limit) client.setTimeout(0);
  return true;
}

export function restoreTimeout(client: InternalSocket): void {
  const known = lifted.get(client);
  if (!known) return;
  known.count -= 1;
  if (known.count > 0) return;
  lifted.delete(client);
  // A request that is answered here may have asked for another.
  if (!client.timeout) client.setTimeout(known.limit);
}

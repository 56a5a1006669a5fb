/** Which workers of an app sessions may belong to, from its state: what every agent is told. Pure. */

import type { Peer } from "./affinity.ts";
import type { App } from "./app.ts";
import { acceptors } from "./effects.ts";
import type { Worker } from "./worker.ts";

/** How a worker's peers know and reach it. */
export interface PeerAddress {
  readonly tag: string;
  /** The UNIX socket it serves its peers at. */
  readonly path: string;
}

/** A peer before anything is known of its load. */
export type PeerIdentity = Omit<Peer, "sessions" | "utilization">;

/**
 * The workers sessions may belong to, in the order of the state: starting, ready and draining ones that have
 * an address in `addresses` (by worker id). One that is being killed, or is gone, keeps no session.
 */
export function peersOf(
  app: App,
  addresses: ReadonlyMap<number, PeerAddress>,
): readonly PeerIdentity[] {
  // A worker close to its file limit accepts nothing, but its sessions are its own all the same.
  const workers = app.workers.map((worker) => ({ ...worker, accepting: true }));
  const serving = new Set(acceptors({ ...app, workers }));
  return app.workers.flatMap((worker) => {
    const address = addresses.get(worker.id);
    const state = stateOf(worker, serving);
    if (!address || !state) return [];
    return [{ tag: address.tag, worker: worker.id, slot: worker.slot, state, path: address.path }];
  });
}

/**
 * A ready worker that is trusted with no connection gets no new session either: one that is still to prove
 * itself in a reload counts as starting, one whose event loop stands still as leaving.
 */
function stateOf(worker: Worker, serving: ReadonlySet<number>): Peer["state"] | null {
  switch (worker.phase) {
    case "starting":
    case "draining":
      return worker.phase;
    case "ready":
      if (serving.has(worker.id)) return "ready";
      return worker.hung ? "draining" : "starting";
    case "killing":
    case "exited":
      return null;
  }
}

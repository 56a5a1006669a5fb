/** Where new sessions go between two messages of the supervisor: each placed one counts at once. Pure. */

import type { Peer } from "./affinity.ts";

/** Spreads new sessions over ready peers by open sessions and the event loop's utilization. */
export class Placer {
  readonly #self: string;
  readonly #peers: readonly Peer[];
  readonly #sessions: number[];

  /** `ready`: the ready peers by worker id, this worker among them where it is ready. */
  constructor(self: string, ready: readonly Peer[]) {
    this.#self = self;
    this.#peers = fromSelf(self, ready);
    this.#sessions = this.#peers.map((peer) => peer.sessions);
  }

  /** The peer that gets the next session, which is counted as its own; null: this worker keeps it. */
  next(): Peer | null {
    let best = -1;
    for (let index = 0; index < this.#peers.length; index += 1) {
      if (best < 0 || this.#isLess(index, best)) best = index;
    }
    const peer = this.#peers[best];
    if (!peer) return null;
    this.#sessions[best] = (this.#sessions[best] ?? 0) + 1;
    return peer.tag === this.#self ? null : peer;
  }

  #isLess(index: number, other: number): boolean {
    const difference = this.#score(index) - this.#score(other);
    if (difference !== 0) return difference < 0;
    return (this.#sessions[index] ?? 0) < (this.#sessions[other] ?? 0);
  }

  #score(index: number): number {
    return ((this.#sessions[index] ?? 0) + 1) * (1 + (this.#peers[index]?.utilization ?? 0));
  }
}

/**
 * Peers in the order in which they win a tie. Each worker begins with itself, which costs no way, and goes on with
 * those behind it: workers that place at the same time do not all choose the same one.
 */
function fromSelf(self: string, ready: readonly Peer[]): readonly Peer[] {
  const at = ready.findIndex((peer) => peer.tag === self);
  return at <= 0 ? ready : [...ready.slice(at), ...ready.slice(0, at)];
}

/** Where new sessions go between two messages of the supervisor: each placed one counts at once. Pure. */

import type { Peer } from "./affinity.ts";

/**
 * A worker is passed over for its event loop only when it is so much busier than the idlest one: what they differ by
 * under an even load says nothing, and sessions would not come out even.
 */
const CLEARLY_BUSIER = 0.3;

/** Spreads new sessions over ready peers by open sessions, and fewer to one whose event loop is clearly busier. */
export class Placer {
  readonly #self: string;
  readonly #peers: readonly Peer[];
  readonly #sessions: number[];
  /** What a session weighs at each of them. */
  readonly #weights: readonly number[];

  /** `ready`: the ready peers by worker id, this worker among them where it is ready. */
  constructor(self: string, ready: readonly Peer[]) {
    this.#self = self;
    this.#peers = fromSelf(self, ready);
    this.#sessions = this.#peers.map((peer) => peer.sessions);
    const idlest = Math.min(...this.#peers.map((peer) => peer.utilization));
    this.#weights = this.#peers.map(
      ({ utilization }) => 1 + Math.max(0, utilization - idlest - CLEARLY_BUSIER),
    );
  }

  /** The peer that gets the next session, which is counted as its own; null: this worker keeps it. */
  next(): Peer | null {
    let best = -1;
    for (let index = 0; index < this.#peers.length; index += 1) {
      if (best < 0 || this.#isLess(index, best)) best = index;
    }
    const peer = this.#peers[best];
    if (!peer) return null;
    // Every worker places for itself, by the same table: what is missing somewhere is made up for by all of them.
    this.#sessions[best] = (this.#sessions[best] ?? 0) + this.#peers.length;
    return peer.tag === this.#self ? null : peer;
  }

  #isLess(index: number, other: number): boolean {
    const difference = this.#score(index) - this.#score(other);
    if (difference !== 0) return difference < 0;
    return (this.#sessions[index] ?? 0) < (this.#sessions[other] ?? 0);
  }

  #score(index: number): number {
    return ((this.#sessions[index] ?? 0) + 1) * (this.#weights[index] ?? 1);
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

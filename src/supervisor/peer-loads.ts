/** What sticky workers carry, as their beats say: for who places new clients. Nothing a worker says is trusted. */

import { countIn } from "../metrics/merge.ts";

/** The share is told in steps of this size: less is no news. */
const STEP = 0.05;

export interface PeerLoad {
  /** Open sessions. */
  readonly sessions: number;
  /** How busy its event loop was between its last two beats, 0 to 1. */
  readonly utilization: number;
}

const NONE: PeerLoad = { sessions: 0, utilization: 0 };

interface Heard extends PeerLoad {
  /** Milliseconds since the worker's start. */
  readonly active: number | null;
  readonly idle: number | null;
}

export class PeerLoads {
  readonly #heard = new Map<number, Heard>();

  /** A worker's beat; true when it carries more or less than before. */
  hear(worker: number, stats: unknown): boolean {
    const said = (stats ?? {}) as Record<string, unknown>;
    const { sessions } = (said.sticky ?? {}) as Record<string, unknown>;
    const [active, idle] = [countIn(said.active), countIn(said.idle)];
    const last = this.#heard.get(worker);
    const next: Heard = {
      sessions: Math.trunc(countIn(sessions) ?? 0),
      utilization: last ? shareOf(active, idle, last) : 0,
      ...{ active, idle },
    };
    this.#heard.set(worker, next);
    const before = last ?? NONE;
    return next.sessions !== before.sessions || next.utilization !== before.utilization;
  }

  of(worker: number): PeerLoad {
    const { sessions, utilization } = this.#heard.get(worker) ?? NONE;
    return { sessions, utilization };
  }

  forget(worker: number): void {
    this.#heard.delete(worker);
  }
}

/** As it was where nothing sensible was said. */
function shareOf(active: number | null, idle: number | null, last: Heard): number {
  if (active === null || idle === null || last.active === null || last.idle === null)
    return last.utilization;
  const [busy, free] = [active - last.active, idle - last.idle];
  const share = busy / (busy + free);
  if (!(busy >= 0 && free >= 0 && share >= 0)) return last.utilization;
  return Math.round(share / STEP) / Math.round(1 / STEP);
}

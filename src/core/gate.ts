/**
 * The gate: the kernel gives a connection to whoever is awake first, which for long-lived
 * connections adds up to a heap on a few workers (160..0 of 400 over 8, measured). A worker that
 * holds more than its fair share passes a fresh connection on. Pure; runs inside the agent.
 */

/** Connections open at each accepting worker of the app, by worker id. */
export type Loads = Readonly<Record<string, number>>;

/** Above this many connections per worker, 5 % of imbalance is tolerated before any is passed on. */
const SLACK = 0.05;

/** Connections whose mean life is shorter than this are gone before passing them on would pay. Seconds. */
const SHORT_LIFE_S = 0.5;

/** Connections one worker may hold out of `total` before it passes fresh ones on. */
export function fairShare(total: number, workers: number): number {
  const mean = total / workers;
  return Math.ceil(mean + mean * SLACK);
}

/**
 * Whether a worker that holds `own` connections, the fresh one included, passes it on.
 * `closedLastSecond` tells churn: by Little's law a mean life is open / closed per second.
 */
export function passesOn(
  own: number,
  others: readonly number[],
  closedLastSecond: number,
): boolean {
  if (others.length === 0 || own < 2) return false;
  if (closedLastSecond > 0 && own / closedLastSecond < SHORT_LIFE_S) return false;
  const total = others.reduce((sum, load) => sum + load, own);
  return own > fairShare(total, others.length + 1) && Math.min(...others) + 1 < own;
}

/** The least loaded worker other than `except`, null when there is none. */
export function leastLoaded(loads: Loads, except: ReadonlySet<string>): string | null {
  const candidates = Object.entries(loads).filter(([worker]) => !except.has(worker));
  const least = candidates.reduce<readonly [string, number] | null>(
    (best, candidate) => (best && best[1] <= candidate[1] ? best : candidate),
    null,
  );
  return least?.[0] ?? null;
}

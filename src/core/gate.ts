/**
 * The gate: the kernel gives a connection to whoever is awake first, which for long-lived
 * connections adds up to a heap on a few workers (160..0 of 400 over 8, measured). A worker that
 * holds more than its fair share passes a fresh connection on. Pure; runs inside the agent.
 */

/** Connections open at each accepting worker of the app, by worker id. */
export type Loads = Readonly<Record<string, number>>;

/** Connections that live shorter than this on average are gone before passing them on would pay. Milliseconds. */
const SHORT_LIFE_MS = 500;
/** What lives now is judged by what closed within this time. Milliseconds. */
const RECENT_MS = 250;

/** Before anything has closed: some thirty short lives in a row make it short, and a few prove nothing. Milliseconds. */
export const UNKNOWN_LIFE_MS = 10_000;

/** Mean life once one more connection has closed after `lifeMs`; the recent weigh more. */
export function meanLife(meanMs: number, lifeMs: number): number {
  return meanMs * 0.9 + lifeMs * 0.1;
}

/** Connections come and go too quickly for the gate to be of use. */
export function areShortLived(meanMs: number, sinceLastCloseMs: number): boolean {
  return sinceLastCloseMs < RECENT_MS && meanMs < SHORT_LIFE_MS;
}

/**
 * Connections one worker may hold out of `total` before it passes fresh ones on. No slack: what seven
 * of eight workers hold too much is missing at the eighth all at once.
 */
export function fairShare(total: number, workers: number): number {
  return Math.ceil(total / workers);
}

/** Whether a worker that holds `own` connections, the fresh one included, passes it on. */
export function passesOn(own: number, others: readonly number[]): boolean {
  if (others.length === 0 || own < 2) return false;
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

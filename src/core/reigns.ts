/** How one supervisor follows another, and when it had better wait. Pure. */

/** A supervisor that lived less than this may have died of what it took over: by then its workers have spoken. */
const SHORT_REIGN_MS = 1000;
/** An heir that lived as long had nothing wrong with it. */
const STEADY_MS = 10_000;
/** So many of them in a row follow each other at once. */
const SHORT_REIGNS_AT_ONCE = 5;
const FIRST_WAIT_MS = 1000;
const FIRST_RETRY_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/** How many short reigns in a row there have been, after one of `reignMs` that came after `before` others. */
export function shortReignsAfter(before: number, reignMs: number): number {
  return reignMs < SHORT_REIGN_MS ? before + 1 : 0;
}

/** How long the next supervisor waits before it takes over, in milliseconds; workers serve meanwhile. */
export function waitBeforeReignMs(shortReigns: number): number {
  const over = shortReigns - SHORT_REIGNS_AT_ONCE;
  return over < 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** over);
}

/** When an heir is started again after `failures` in a row that ended early, in milliseconds. */
export function heirRetryMs(failures: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_RETRY_MS * 2 ** Math.max(0, failures - 1));
}

/** Whether an heir that has ended had come to stay: its end says nothing about the next one. */
export function wasSteady(livedMs: number): boolean {
  return livedMs >= STEADY_MS;
}

/** How much may wait to be said. Pure. */

/** Without a bus so much is kept, to be said when there is one again. */
const MOST_KEPT = 10_000;
const MOST_KEPT_BYTES = 16 * 1024 * 1024;
/** With one, more than that waits for the supervisor: the process is told, and not filled up. */
const MOST_WAITING_BYTES = 128 * 1024 * 1024;

/** Whether the oldest has to go. */
export function isTooMuch(isOpen: boolean, count: number, bytes: number): boolean {
  if (isOpen) return bytes > MOST_WAITING_BYTES;
  return bytes > MOST_KEPT_BYTES || count > MOST_KEPT;
}

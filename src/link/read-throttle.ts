/** Bounds how fast a peer is read: who floods waits, and the reader neither grows nor stands still. */

/** A peer that sends more is read again in the next interval. */
const BYTES_PER_INTERVAL = 4 * 1024 * 1024;
const INTERVAL_MS = 100;

/** What is read from: libuv's stream handles can. */
export interface Reading {
  readStart(): number;
  readStop(): number;
}

/** The function that is returned is told how many bytes have been read. `isOpen`: there is still something to read. */
export function throttleReads(reading: Reading, isOpen: () => boolean): (bytes: number) => void {
  let used = 0;
  let isCounting = false;
  const next = (): void => {
    const wasStopped = used > BYTES_PER_INTERVAL;
    used = 0;
    isCounting = false;
    if (wasStopped && isOpen()) reading.readStart();
  };
  return (bytes) => {
    used += bytes;
    if (used > BYTES_PER_INTERVAL) reading.readStop();
    if (!isCounting) setTimeout(next, INTERVAL_MS);
    isCounting = true;
  };
}

/** Whether the other end of a connection is still there, by the bytes that have gone either way. Pure. */

/**
 * A client of ours asks whether the supervisor is there where it has heard nothing for 15 s: so long after the last
 * byte either way something must have come.
 */
export const SILENT_MS = 60_000;
/** Where something is being sent to it all the time, it may have nothing to say; TCP gives up later than this. */
export const UNHEARD_MS = 600_000;

export class Silence {
  #read = 0;
  #written = 0;
  #readAt: number;
  #writtenAt: number;

  constructor(now: number) {
    this.#readAt = now;
    this.#writtenAt = now;
  }

  /** Looked at every now and then, with the bytes of its life so far. True: it is taken for gone. */
  isGone(now: number, readBytes: number, writtenBytes: number): boolean {
    if (readBytes !== this.#read) this.#readAt = now;
    if (writtenBytes !== this.#written) this.#writtenAt = now;
    this.#read = readBytes;
    this.#written = writtenBytes;
    const unheardMs = now - this.#readAt;
    return unheardMs >= UNHEARD_MS || Math.min(unheardMs, now - this.#writtenAt) >= SILENT_MS;
  }

  /** It is not being read from: what it says is not known. */
  unread(now: number): void {
    this.#readAt = now;
  }
}

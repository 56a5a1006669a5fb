/** Lines appended to a file that an outside log rotation may move away: `reopen` starts a new one. */

import { closeSync, openSync, writeSync } from "node:fs";
import { Writable } from "node:stream";

export interface LogFile {
  readonly stream: Writable;
  /**
   * Opens the path again: what is written from now on is in the new file. False where that fails: then
   * the old file is written on, for a log that cannot be rotated is no reason to end.
   */
  reopen(): boolean;
}

/** Opens `path` for appending, 0640. Throws what `open` throws. */
export function openLogFile(path: string): LogFile {
  const open = (): number => openSync(path, "a", 0o640);
  let descriptor = open();
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        writeSync(descriptor, chunk);
        done();
      } catch {
        // A full disk must not take the apps down; the line is lost, the next one may not be.
        done();
      }
    },
  });
  return {
    stream,
    reopen() {
      try {
        const next = open();
        closeSync(descriptor);
        descriptor = next;
        return true;
      } catch {
        return false;
      }
    },
  };
}

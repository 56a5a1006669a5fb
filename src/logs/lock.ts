/** One rotation at a time for each file, whoever wants it: two supervisors meet during an upgrade. */

import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Older than this a lock is nobody's, although a process of that id exists. */
const LONGEST_MS = 10 * 60_000;

export function lockPath(log: string): string {
  return join(dirname(log), `.${basename(log)}.rotating`);
}

/** Takes the lock; null while another process that lives has it. Throws what `open` throws. */
export function lock(log: string): (() => void) | null {
  const path = lockPath(log);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const descriptor = openSync(path, "wx", 0o640);
      writeSync(descriptor, String(process.pid));
      closeSync(descriptor);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (isHeld(path)) return null;
      rmSync(path, { force: true });
    }
  }
  return null;
}

function isHeld(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    if (Date.now() - statSync(path).mtimeMs > LONGEST_MS) return false;
    return pid > 0 && isAlive(pid);
  } catch {
    // Given back meanwhile.
    return false;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

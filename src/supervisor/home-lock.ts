/** One supervisor per home: the pid file is its claim, and names a process for good. */

import { createHash, randomUUID } from "node:crypto";
import { readFileSync, unlinkSync } from "node:fs";
import { HoldfastError } from "../errors.ts";
import { createFile } from "../system/atomic-file.ts";
import type { Home } from "../system/home.ts";
import { isRunning, processState, startTicks } from "../system/proc.ts";

export interface Owner {
  readonly pid: number;
  /** With the pid it names one process: pids are used again. Null where the system does not tell. */
  readonly startTicks: number | null;
}

const TRIES = 50;
/** Between two tries, while another clears a stale claim away. */
const PAUSE_MS = 10;

/**
 * Claims the home for this process; the function returned gives it back. The claim of a process that is
 * gone, or whose pid is another's now, is taken over. Throws HF_ALREADY_RUNNING, HF_HOME_UNUSABLE.
 */
export function claimHome(home: Home): () => void {
  const { pidFile, directory } = home;
  const self: Owner = { pid: process.pid, startTicks: startTicks(process.pid) };
  // The token makes it differ from every other claim there ever was; see `clear`.
  const claim = `${JSON.stringify({ ...self, token: randomUUID() })}\n`;
  let inTheWay: number | null = null;
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (create(home, claim)) return () => giveBack(pidFile, claim);
    const found = textOf(pidFile);
    if (found === null) continue;
    const owner = runningIn(found);
    // A zombie that still has threads is gone in a moment.
    if (owner && processState(owner.pid) !== "Z")
      throw new HoldfastError("HF_ALREADY_RUNNING", { home: directory, pid: owner.pid });
    inTheWay = owner ? owner.pid : clear(pidFile, found, claim);
    if (inTheWay !== null) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
  throw new HoldfastError("HF_ALREADY_RUNNING", { home: directory, pid: inTheWay });
}

function create({ pidFile, directory }: Home, claim: string): boolean {
  try {
    return createFile(pidFile, claim);
  } catch (error) {
    // A full disk, for one.
    const details = { directory, reason: (error as Error).message };
    throw new HoldfastError("HF_HOME_UNUSABLE", details, { cause: error });
  }
}

/** Who owns the home, null when nobody does who is alive. */
export function ownerOf({ pidFile }: Home): Owner | null {
  return runningIn(textOf(pidFile) ?? "");
}

/**
 * Removes a stale claim, and never another one. Only who holds the right to remove this very claim, a file
 * named after its content, may do so. So it stays what it was when it is looked at again and removed: its
 * owner is dead, nobody else may touch it, and no claim is ever written twice. A right whose holder is dead
 * is a stale claim itself. Gives the pid of who is at it, or null where it is worth looking again at once.
 */
function clear(path: string, stale: string, claim: string): number | null {
  const right = `${path}.stale-${createHash("sha256").update(stale).digest("hex").slice(0, 16)}`;
  if (!createFile(right, claim)) {
    const holder = textOf(right);
    if (holder === null) return null;
    return runningIn(holder)?.pid ?? clear(right, holder, claim);
  }
  if (textOf(path) === stale) unlinkSync(path);
  unlinkSync(right);
  return null;
}

function giveBack(pidFile: string, claim: string): void {
  if (textOf(pidFile) === claim) unlinkSync(pidFile);
}

function runningIn(claim: string): Owner | null {
  const owner = ownerIn(claim);
  return owner && isRunning(owner) ? owner : null;
}

function ownerIn(text: string): Owner | null {
  try {
    const { pid, startTicks: ticks } = JSON.parse(text) as Partial<Owner>;
    if (!Number.isSafeInteger(pid) || Number(pid) < 1) return null;
    return { pid: Number(pid), startTicks: Number.isSafeInteger(ticks) ? Number(ticks) : null };
  } catch {
    // Written by somebody else, or cut short by a full disk: nobody's claim.
    return null;
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

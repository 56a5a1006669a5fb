/** One supervisor per home: the pid file is its claim, and names a process for good. */

import { readFileSync, renameSync, unlinkSync } from "node:fs";
import { HoldfastError } from "../errors.ts";
import { createFile } from "../system/atomic-file.ts";
import type { Home } from "../system/home.ts";
import { isAlive, startTicks } from "../system/proc.ts";

export interface Owner {
  readonly pid: number;
  /** With the pid it names one process: pids are used again. Null where the system does not tell. */
  readonly startTicks: number | null;
}

const TRIES = 5;

/**
 * Claims the home for this process; the function returned gives it back. The claim of a process that is
 * gone, or whose pid is another's now, is taken over. Throws HF_ALREADY_RUNNING.
 */
export function claimHome(home: Home): () => void {
  const { pidFile, directory } = home;
  const self: Owner = { pid: process.pid, startTicks: startTicks(process.pid) };
  const claim = `${JSON.stringify(self)}\n`;
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (createFile(pidFile, claim)) return () => giveBack(pidFile, claim);
    const found = textOf(pidFile);
    if (found === null) continue;
    const owner = ownerIn(found);
    if (owner && isRunning(owner)) {
      throw new HoldfastError("HF_ALREADY_RUNNING", { home: directory, pid: owner.pid });
    }
    setAside(pidFile, found);
  }
  throw new HoldfastError("HF_ALREADY_RUNNING", { home: directory, pid: null });
}

/** Who owns the home, null when nobody does who is alive. */
export function ownerOf({ pidFile }: Home): Owner | null {
  const owner = ownerIn(textOf(pidFile) ?? "");
  return owner && isRunning(owner) ? owner : null;
}

/**
 * Removes a stale claim. Between reading and removing another may have put its own there: what was
 * moved away is looked at, and put back when it is not what had been read.
 */
function setAside(pidFile: string, stale: string): void {
  const aside = `${pidFile}.stale-${process.pid}`;
  try {
    renameSync(pidFile, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = textOf(aside);
  if (moved !== null && moved !== stale) createFile(pidFile, moved);
  unlinkSync(aside);
}

function giveBack(pidFile: string, claim: string): void {
  if (textOf(pidFile) === claim) unlinkSync(pidFile);
}

function isRunning({ pid, startTicks: started }: Owner): boolean {
  if (!isAlive(pid)) return false;
  const ticks = startTicks(pid);
  return started === null || ticks === null || ticks === started;
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

/**
 * What a rotation leaves beside a log file for whoever reads or rotates it next: `.0-out.log.rotation`.
 *
 * Offsets in it are positions in all that was ever written to the file: the position in the file as it
 * is now, plus `removed`. So a reader knows where it stands although the file got shorter before it.
 */

import {
  closeSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

export type CutMethod = "collapse-range" | "punch-hole" | "copy-truncate";

export interface ArchivedRange {
  /** File name in the folder of the log, without the `.gz` it may have got. */
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** A rotation that has begun: what the next one needs to complete or undo it. */
export interface UnderWay {
  readonly pid: number;
  readonly method: CutMethod;
  /**
   * copying: the log is untouched. archived: the archive is whole, the log not shorter yet. cutting: the
   * log begins with the mark until it is shorter.
   */
  readonly step: "copying" | "archived" | "cutting";
  readonly archive: string;
  /** Bytes to come off the beginning of the file. */
  readonly cut: number;
}

export interface RotationState {
  /** The file this is about; another inode means another file. */
  readonly inode: number;
  /** Bytes taken off the beginning so far. */
  readonly removed: number;
  /** Where that begins which is in no archive. */
  readonly start: number;
  /** Oldest first. */
  readonly archives: readonly ArchivedRange[];
  readonly underWay: UnderWay | null;
}

/** Written over the first bytes of a log just before these are cut off. */
export const CUT_MARK: Buffer = Buffer.from("\0holdfast: cut\0\n");

export function statePath(log: string): string {
  return join(dirname(log), `.${basename(log)}.rotation`);
}

/** What is known of the file with this inode; that of a file never rotated when nothing is. */
export function loadState(log: string, inode: number): RotationState {
  try {
    const state = JSON.parse(readFileSync(statePath(log), "utf8")) as RotationState;
    if (state.inode === inode) return state;
  } catch {
    // Never rotated, or a file that cannot be read: then all that is in the log counts.
  }
  return { inode, removed: 0, start: 0, archives: [], underWay: null };
}

/** Replaces the state whole. Throws what the system says. */
export function saveState(log: string, state: RotationState): void {
  const path = statePath(log);
  const aside = `${path}.tmp`;
  writeFileSync(aside, JSON.stringify(state), { mode: 0o640 });
  renameSync(aside, path);
}

export function forgetState(log: string): void {
  rmSync(statePath(log), { force: true });
}

/** Whether the cut that was announced is still to come. */
export function isMarked(log: string): boolean {
  const descriptor = openSync(log, "r");
  try {
    const head = Buffer.alloc(CUT_MARK.length);
    return readSync(descriptor, head, 0, head.length, 0) === head.length && head.equals(CUT_MARK);
  } finally {
    closeSync(descriptor);
  }
}

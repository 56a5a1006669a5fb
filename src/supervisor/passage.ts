/**
 * Folders for sockets of the supervisor that another user's processes come to. The folder is the supervisor's own, so
 * that nobody puts anything else in a socket's place; the socket alone is given away.
 */

import { chmodSync, lstatSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { HOME_LINK, makeTempFolder, type PeerFolder, peerFolderAt } from "./peer-folder.ts";

/** Others may pass through to what is theirs, and see nothing. */
const PASSAGE = 0o711;

/** Makes one for workers of this home; null: they end with this process. Throws what the system says. */
export function openPassage(home: string | null): PeerFolder {
  return furnished(makeTempFolder(), home);
}

/** The same at a path that workers know: as it was left, or made again. Throws where it cannot be ours. */
export function passageAgain(path: string, home: string | null): PeerFolder {
  try {
    // Fails on whatever is there, links too.
    mkdirSync(path, { mode: PASSAGE });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (!isPassage(path)) throw new Error(`${path} is not as it was made`);
    return peerFolderAt(path, null);
  }
  return furnished(path, home);
}

/** One is there as it was made. */
export function isPassage(path: string): boolean {
  return isAsMade(path, PASSAGE);
}

/** A folder, no link, of this process's user, and with that mode. */
export function isAsMade(path: string, mode: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return false;
  return found.uid === process.getuid?.() && (found.mode & 0o7777) === mode;
}

function furnished(path: string, home: string | null): PeerFolder {
  if (home !== null) symlinkSync(home, join(path, HOME_LINK));
  chmodSync(path, PASSAGE);
  return peerFolderAt(path, null);
}

/**
 * Folders for sockets, those sticky workers serve one another at and the bus's: closed to other users, and gone at
 * the end.
 */

import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { HoldfastError } from "../errors.ts";
import { namesIn } from "../system/folder.ts";
import { homeAt } from "../system/home.ts";
import { isAlive } from "../system/proc.ts";
import { LONGEST_UNIX_PATH_BYTES } from "../system/unix-path.ts";
import { isKnownToWorkers } from "./restore/orphans.ts";
import { freeStalePath, removePath } from "./socket-path.ts";

const OWNER_ONLY = 0o700;
/** Others may pass through to what is theirs, and see nothing. */
const PASSAGE = 0o711;
/** As long as any name below a folder. */
const SOCKET = "/bus.sock";
/** A folder of another user's in one of ours. */
const THEIRS = "w";
/** A link to the home whose workers come to a folder, so that no other home's supervisor sweeps it. */
export const HOME_LINK = "home";
/** What mkdtemp appends. */
const RANDOM = "xxxxxx";
/** Where the system's folder for temporary files has too long a path itself. */
const SHORTEST_TEMP = "/tmp";

/** Whose workers they are; null: the supervisor's own user and group. */
export interface Owner {
  readonly uid: number | null;
  readonly gid: number | null;
}

export interface PeerFolder {
  readonly path: string;
  isThere(): boolean;
  /** Removes it with the sockets in it. What cannot be removed is left to the next supervisor. */
  remove(): void;
}

/**
 * Makes a folder, mode 0700, for the workers' user: in `run` where that is given and within that user's reach, else
 * in the system's folder for temporary files. Throws HF_STICKY_FOLDER.
 */
export function openPeerFolder(run: string | null, owner: Owner, temp = tmpdir()): PeerFolder {
  const isOurs = owner.uid === null || owner.uid === process.getuid?.();
  const isShort = run !== null && fits(join(run, RANDOM));
  // Another user cannot enter the home above it.
  const isInRun = isOurs && isShort;
  const parent = isInRun ? run : shortTemp(temp, isOurs);
  try {
    if (isInRun) return inRun(run);
    const made = makeIn(parent);
    return isOurs ? folderAt(made, []) : ownedBy(owner, made);
  } catch (error) {
    const details = { directory: parent, reason: (error as Error).message };
    throw new HoldfastError("HF_STICKY_FOLDER", details, { cause: error });
  }
}

/** Makes a folder of ours, mode 0700, in the system's folder for temporary files. Throws what the system says. */
export function makeTempFolder(): string {
  return makeIn(shortTemp(tmpdir(), true));
}

/** A folder that another supervisor has made, and whose sockets are in use. */
export function peerFolderAt(path: string, run: string | null): PeerFolder {
  const parent = dirname(path);
  return folderAt(path, parent === run || basename(path) === THEIRS ? [parent] : []);
}

/**
 * Removes what supervisors of this home have left, but for the folders of workers that serve on: whoever calls this
 * is the only one that lives.
 */
export function sweepRunFolder(run: string, inUse: ReadonlySet<string> = new Set()): void {
  for (const name of namesIn(run)) {
    const path = join(run, name);
    if (inUse.has(path)) continue;
    removePath(path);
    folderAt(path, [run]).remove();
  }
}

function makeIn(temp: string): string {
  void sweepTemp(temp);
  return mkdtempSync(join(temp, tempPrefix(process.pid)));
}

function inRun(run: string): PeerFolder {
  mkdirSync(run, { recursive: true, mode: OWNER_ONLY });
  return folderAt(mkdtempSync(`${run}/`), [run]);
}

/** A folder of theirs in one of ours, which they cannot move or replace while it is being removed. */
function ownedBy({ uid, gid }: Owner, made: string): PeerFolder {
  const path = join(made, THEIRS);
  mkdirSync(path, { mode: OWNER_ONLY });
  chownSync(path, uid ?? -1, gid ?? -1);
  chmodSync(made, PASSAGE);
  return folderAt(path, [made]);
}

/** `parents` go with it, once they are empty. */
function folderAt(path: string, parents: readonly string[]): PeerFolder {
  return {
    path,
    isThere: () => existsSync(path),
    remove() {
      // No recursion: a link is removed and never followed.
      for (const name of namesIn(path)) attempt(() => unlinkSync(join(path, name)));
      for (const folder of [path, ...parents]) attempt(() => rmdirSync(folder));
    },
  };
}

/**
 * Removes folders of supervisors that are dead: of this machine, of this user, with a pid nobody has any more, with
 * no socket anybody answers at or workers come back to.
 */
async function sweepTemp(temp: string): Promise<void> {
  for (const name of namesIn(temp)) {
    const [, pid, scope] = /^holdfast-(\d+)-([0-9a-f]{6})-\w{6}$/.exec(name) ?? [];
    const path = join(temp, name);
    if (scope !== scopeHere() || !isLeft(path, Number(pid))) continue;
    const inner = join(path, THEIRS);
    for (const folder of [inner, path]) {
      for (const socket of namesIn(folder)) await freeStalePath(join(folder, socket));
      const [left, ...others] = namesIn(folder);
      if (left === HOME_LINK && others.length === 0) attempt(() => unlinkSync(join(folder, left)));
      attempt(() => rmdirSync(folder));
    }
  }
}

/** Pids mean something on one machine, or in one container: its name is part of the folder's. */
function tempPrefix(pid: number): string {
  return `holdfast-${pid}-${scopeHere()}-`;
}

function scopeHere(): string {
  return createHash("sha256").update(hostname()).digest("hex").slice(0, 6);
}

function shortTemp(temp: string, isOurs: boolean): string {
  const made = join(temp, tempPrefix(process.pid) + RANDOM);
  return fits(isOurs ? made : join(made, THEIRS)) ? temp : SHORTEST_TEMP;
}

function fits(folder: string): boolean {
  return Buffer.byteLength(folder + SOCKET) <= LONGEST_UNIX_PATH_BYTES;
}

/** A folder of ours whose supervisor is dead. In a container the next one often has the same pid. */
function isLeft(path: string, pid: number): boolean {
  try {
    const { uid, ctimeMs } = lstatSync(path);
    const isOlder = ctimeMs < performance.timeOrigin;
    if (uid !== process.getuid?.()) return false;
    return (pid === process.pid ? isOlder : !isAlive(pid)) && !isAwaited(path);
  } catch {
    // Another supervisor has removed it meanwhile.
    return false;
  }
}

/** Workers of a home serve on without a supervisor, and know this folder. */
function isAwaited(path: string): boolean {
  try {
    const { roster } = homeAt(readlinkSync(join(path, HOME_LINK)), {});
    return isKnownToWorkers(roster, path);
  } catch {
    // Nobody's.
    return false;
  }
}

function attempt(remove: () => void): void {
  try {
    remove();
  } catch {
    // Already gone, or still in use: the next supervisor looks again.
  }
}

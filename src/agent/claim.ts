/**
 * Two workers may hold one connection when the supervisor dies between them: the one that passed it on, and the one it
 * was given to. The connection itself says whose it is: all duplicates of a socket share one inode, and its mode, which
 * means nothing for a socket, is kept by Linux as fchmod sets it (sockfs, fs/attr.c). Where it cannot be set (another
 * kernel, another user, Node's permission model) nobody knows, and both serve: a client must not be left with none.
 */

import fs from "node:fs";
import type { Handle } from "./node-internals.ts";

// As they are before the app, which may replace them.
const { fchmodSync, fstatSync } = fs;

/** What accept() leaves is 0777. */
export const TAKEN = 0o711;
const KEPT = 0o722;
const PERMISSIONS = 0o777;
/**
 * Reading and setting are two steps, some microseconds apart: who keeps one looks again after this time (Fischer's
 * mutual exclusion). Milliseconds.
 */
export const SETTLES_WITHIN_MS = 100;

/** A connection that was given to this worker. False: another one serves it. */
export function take(client: Handle): boolean {
  const mark = markOf(client);
  if (mark === TAKEN || mark === KEPT) return false;
  set(client, TAKEN);
  return true;
}

/** One that this worker has passed on, and that nobody may have got. `then` hears soon whether it may serve it. */
export function keep(client: Handle, then: (isOurs: boolean) => void): void {
  if (markOf(client) === TAKEN) return then(false);
  set(client, KEPT);
  setTimeout(() => then(markOf(client) !== TAKEN), SETTLES_WITHIN_MS);
}

function markOf({ fd }: Handle): number | null {
  try {
    return fstatSync(fd ?? -1).mode & PERMISSIONS;
  } catch {
    return null;
  }
}

function set({ fd }: Handle, mark: number): void {
  try {
    fchmodSync(fd ?? -1, mark);
  } catch {
    // Nobody knows, then.
  }
}

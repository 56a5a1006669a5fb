/** UNIX socket files: a stale one must not stop a start, a live one must not be stolen. */

import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import net from "node:net";
import { isMainThread } from "node:worker_threads";
import { withUnixPath } from "../system/unix-path.ts";

const OWNER_ONLY = 0o600;
const OWNER_ONLY_MASK = 0o177;

/**
 * Listens for its owner alone from the first moment on: the mode is the mask's while it is bound. Rejects with what
 * the system says. Not in a thread, which has no mask.
 */
export function listenForOwner(server: net.Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const mask = process.umask(OWNER_ONLY_MASK);
    server.listen(path, () => {
      server.off("error", reject);
      chmodSync(path, OWNER_ONLY);
      resolve();
    });
    process.umask(mask);
  });
}

/**
 * The same at once, but for what goes wrong, which is the server's `error` event: Node listens on paths without waiting
 * for anything. A thread cannot set the mask.
 */
export function listenAtOnce(server: net.Server, path: string): void {
  const mask = isMainThread ? process.umask(OWNER_ONLY_MASK) : null;
  try {
    server.listen({ path, exclusive: true });
  } finally {
    if (mask !== null) process.umask(mask);
  }
}

/** Removes the file if it is a socket that nobody listens on any more. */
export async function freeStalePath(path: string): Promise<void> {
  if (!isSocket(path)) return;
  if (await withUnixPath(path, isRefused).catch(() => false)) removePath(path);
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    // Any other error leaves the file alone: binding will say what is wrong.
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}

export function removePath(path: string): void {
  try {
    if (isSocket(path)) unlinkSync(path);
  } catch {
    // Already gone, or not ours to remove: binding will say so.
  }
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    // Not there, not reachable, or no path at all (abstract sockets): binding will say so.
    return false;
  }
}

/** UNIX socket files: a stale one must not stop a start, a live one must not be stolen. */

import { lstatSync, unlinkSync } from "node:fs";
import net from "node:net";

/** Removes the file if it is a socket that nobody listens on any more. */
export async function freeStalePath(path: string): Promise<void> {
  if (!isSocket(path)) return;
  const isStale = await new Promise<boolean>((resolve) => {
    const socket = net.connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    // Any other error leaves the file alone: binding will say what is wrong.
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
  if (isStale) removePath(path);
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

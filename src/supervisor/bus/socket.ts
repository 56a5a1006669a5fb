/** Where clients find the bus: a UNIX socket that only its owner can reach, gone with the supervisor. */

import { chmodSync, chownSync, existsSync, mkdirSync, rmdirSync } from "node:fs";
import net from "node:net";
import { basename, dirname, join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { HoldfastError } from "../../errors.ts";
import { LONGEST_UNIX_PATH_BYTES } from "../../system/unix-path.ts";
import { type Owner, openPeerFolder, type PeerFolder, peerFolderAt } from "../peer-folder.ts";
import { removePath } from "../socket-path.ts";

const NAME = "bus.sock";
const OWNER_ONLY = 0o600;
/** What is made with it is for its owner alone, who may read and write it. */
const OWNER_ONLY_MASK = 0o177;
const OWNER_ONLY_FOLDER = 0o700;

export interface BusSocket {
  readonly path: string;
  /** Whoever cleans temporary files up may have taken it. */
  isThere(): boolean;
  /** Takes no more clients, and removes what was made. */
  close(): void;
}

export interface SocketEvents {
  connected(socket: net.Socket): void;
  /** It does not listen, or has failed to take a client. HF_BUS_SOCKET. */
  fault(error: HoldfastError): void;
}

/** What runs as the supervisor's own user shares one socket. */
export function isOwn({ uid }: Owner): boolean {
  return uid === null || uid === process.getuid?.();
}

/**
 * Listens for clients of one user: for the supervisor's own in `run` itself where that is given, so that others find
 * it there, else in a folder of its own. Null where it cannot, which is told as a fault, by and by.
 */
export function openBusSocket(
  run: string | null,
  owner: Owner,
  events: SocketEvents,
): BusSocket | null {
  return (run !== null && isOwn(owner) && inRun(run, events)) || inFolder(run, owner, events);
}

/** The same, where another supervisor had it: its workers know no other path. Null where that cannot be. */
export function openBusSocketAgain(
  path: string,
  run: string | null,
  owner: Owner,
  events: SocketEvents,
): BusSocket | null {
  const folder = dirname(path);
  // In the home itself it is found anew.
  if (folder === run || basename(path) !== NAME || !existsSync(folder)) return null;
  try {
    removePath(path);
    const server = listen(path, { ...events, fault: () => {} });
    if (server && !isOwn(owner)) chownSync(path, owner.uid ?? -1, owner.gid ?? -1);
    return server && socketAt(path, server, () => peerFolderAt(folder, run).remove());
  } catch {
    // Another one will say what is wrong.
    return null;
  }
}

/** Null where another supervisor of this folder has it, or its path is too long. */
function inRun(run: string, events: SocketEvents): BusSocket | null {
  const path = join(run, NAME);
  if (Buffer.byteLength(path) > LONGEST_UNIX_PATH_BYTES) return null;
  try {
    mkdirSync(run, { recursive: true, mode: OWNER_ONLY_FOLDER });
  } catch {
    // The folder beside it will say what is wrong.
    return null;
  }
  // One that cannot be had here is had elsewhere: no fault yet.
  const server = listen(path, { ...events, fault: () => {} });
  if (!server) return null;
  return socketAt(path, server, () => rmdirSync(run));
}

function inFolder(run: string | null, owner: Owner, events: SocketEvents): BusSocket | null {
  let folder: PeerFolder | null = null;
  let server: net.Server | null = null;
  try {
    folder = openPeerFolder(run, owner);
    const { path, remove } = folder;
    const socket = join(path, NAME);
    server = listen(socket, events);
    if (server && !isOwn(owner)) chownSync(socket, owner.uid ?? -1, owner.gid ?? -1);
    if (server) return socketAt(socket, server, remove);
  } catch (error) {
    server?.close();
    folder?.remove();
    events.fault(faultOf(error));
    return null;
  }
  folder?.remove();
  return null;
}

function faultOf(error: unknown): HoldfastError {
  const cause =
    error instanceof HoldfastError && error.cause instanceof Error ? error.cause : error;
  const details = { reason: (cause as Error).message };
  return new HoldfastError("HF_BUS_SOCKET", details, { cause: error });
}

/** Null where it does not listen, or not for its owner alone; why is told, at the latest on the next turn. */
function listen(path: string, { connected, fault }: SocketEvents): net.Server | null {
  const server = net.createServer(connected);
  server.on("error", ({ message }) =>
    fault(new HoldfastError("HF_BUS_SOCKET", { reason: message })),
  );
  // At once: the first worker is told of it in this turn. Node listens on paths without waiting for anything.
  listenMasked(server, path);
  if (!server.listening) return null;
  try {
    chmodSync(path, OWNER_ONLY);
  } catch (error) {
    server.close();
    fault(faultOf(error));
    return null;
  }
  // It is not what a supervisor lives for.
  server.unref();
  return server;
}

/** For its owner alone from the first moment on: the mode is the mask's while it is bound. Threads cannot set it. */
function listenMasked(server: net.Server, path: string): void {
  const mask = isMainThread ? process.umask(OWNER_ONLY_MASK) : null;
  try {
    server.listen({ path, exclusive: true });
  } finally {
    if (mask !== null) process.umask(mask);
  }
}

function socketAt(path: string, server: net.Server, remove: () => void): BusSocket {
  return {
    path,
    isThere: () => existsSync(path),
    close() {
      server.close();
      removePath(path);
      try {
        remove();
      } catch {
        // Others still have something in it: it goes with the last of that.
      }
    },
  };
}

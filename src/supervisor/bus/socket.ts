/** Where clients find the bus: a UNIX socket that only its owner can reach, gone with the supervisor. */

import { chmodSync, existsSync, lchownSync, mkdirSync, rmdirSync } from "node:fs";
import net from "node:net";
import { basename, dirname, join } from "node:path";
import { HoldfastError } from "../../errors.ts";
import { LONGEST_UNIX_PATH_BYTES } from "../../system/unix-path.ts";
import { isAsMade, openPassage, passageAgain } from "../passage.ts";
import { type Owner, openPeerFolder, type PeerFolder, peerFolderAt } from "../peer-folder.ts";
import { listenAtOnce, removePath } from "../socket-path.ts";

const NAME = "bus.sock";
const OWNER_ONLY = 0o600;
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
  if (folder === run || basename(path) !== NAME) return null;
  try {
    const { remove } = isOwn(owner) ? ownAgain(folder, run) : passageAgain(folder, homeOf(run));
    removePath(path);
    const server = listen(path, { ...events, fault: () => {} });
    if (server) give(path, owner);
    return server && socketAt(path, server, remove);
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
    folder = isOwn(owner) ? openPeerFolder(run, owner) : openPassage(homeOf(run));
    const { path, remove } = folder;
    const socket = join(path, NAME);
    server = listen(socket, events);
    if (server) give(socket, owner);
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

function ownAgain(folder: string, run: string | null): PeerFolder {
  if (!isAsMade(folder, OWNER_ONLY_FOLDER)) throw new Error(`${folder} is not as it was made`);
  return peerFolderAt(folder, run);
}

function homeOf(run: string | null): string | null {
  return run === null ? null : dirname(run);
}

/** Only the supervisor's own user can put anything else in its place meanwhile. */
function give(path: string, owner: Owner): void {
  if (!isOwn(owner)) lchownSync(path, owner.uid ?? -1, owner.gid ?? -1);
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
  // At once: the first worker is told of it in this turn.
  listenAtOnce(server, path);
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

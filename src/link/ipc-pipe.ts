/**
 * Messages and handles, both ways, over a UNIX socket: what `fork()` has between two processes, for two that did not
 * start each other. A line is JSON: `{"m":message}`, with `"h":1` when a descriptor comes with it, or `{"a":1}` to
 * acknowledge one (0: it never arrived). As on Node's own channel nothing is sent behind a descriptor until it has been
 * acknowledged: so whoever reads knows which line it belongs to, and a sender when it may close its own.
 */

import type net from "node:net";
import { HoldfastError } from "../errors.ts";
import { closedPipe, openConnection } from "./ipc-connection.ts";
import { type Handle, IPC, ipcInternals, takeHandle } from "./ipc-internals.ts";

export { dialIpcPipe } from "./ipc-dial.ts";
export type { Handle } from "./ipc-internals.ts";

export interface IpcPipe {
  /**
   * One message, anything JSON can say, with a handle or without; throws what JSON.stringify does. `sent`, called
   * later: null when it is on its way (with a handle: when the peer has acknowledged it, so that ours may be closed),
   * or an error when it never will be. The handle must stay open until then.
   */
  send(message: unknown, handle?: unknown, sent?: (error: Error | null) => void): void;
  /** Messages and bytes pile up at the peer. */
  isCongested(): boolean;
  /** Ends the connection; `closed` follows. */
  destroy(): void;
  /** Whether it keeps the process: from the start it does. */
  ref(): void;
  unref(): void;
  readonly isOpen: boolean;
}

export interface IpcPipeEvents {
  message(message: unknown, handle: Handle | undefined): void;
  /** Once, when it has ended for whatever reason, or could not be dialed. */
  closed(): void;
  /** A line was dropped. */
  fault?(fault: "malformed" | "too-long"): void;
}

/**
 * Makes a connection that a `net.Server` of a UNIX socket has accepted with `pauseOnConnect` an IpcPipe; nothing has
 * been read from it. The socket itself is of no use any more. Throws HF_INTERNALS_CHANGED.
 */
export function acceptIpcPipe(socket: net.Socket, events: IpcPipeEvents): IpcPipe {
  const internals = ipcInternals();
  if (typeof internals === "string") {
    socket.destroy();
    throw new HoldfastError("HF_INTERNALS_CHANGED", {
      missing: internals,
      version: process.version,
    });
  }
  const accepted = takeHandle(socket);
  if (!accepted || accepted.fd < 0) return closedPipe(events);
  const pipe = new internals.Pipe(IPC);
  if (pipe.open(accepted.fd) !== 0) {
    pipe.close();
    accepted.close();
    return closedPipe(events);
  }
  // Both have the same descriptor now, which only the pipe may close: later its number is somebody else's. So the
  // accepted handle is never closed. It waits for nothing, keeps no process, and costs some hundred bytes.
  accepted.unref();
  return openConnection(pipe, internals, events, { isThrottled: true });
}

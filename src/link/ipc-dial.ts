/** The side of an IpcPipe that dials. A file of its own, because the agent has no use for the rest. */

import { closedPipe, openConnection } from "./ipc-connection.ts";
import { IPC, ipcInternals } from "./ipc-internals.ts";
import type { IpcPipe, IpcPipeEvents } from "./ipc-pipe.ts";
import { withShortPath } from "./short-path.ts";

/**
 * Dials a UNIX socket; nothing is sent before `connected`. Never throws. `internals`: from before, for those who dial
 * again and again.
 */
export function dialIpcPipe(
  path: string,
  events: IpcPipeEvents & { connected(): void },
  internals = ipcInternals(),
): IpcPipe {
  if (typeof internals === "string") return closedPipe(events);
  const { Pipe, ConnectRequest } = internals;
  const pipe = new Pipe(IPC);
  const request = new ConnectRequest();
  let connection: IpcPipe | null = null;
  let isOver = false;
  const fail = (): void => {
    if (!isOver) process.nextTick(() => events.closed());
    isOver = true;
    pipe.close();
  };
  request.oncomplete = (status) => {
    if (status < 0 || isOver) return fail();
    connection = openConnection(pipe, internals, events, { isThrottled: false });
    events.connected();
  };
  try {
    const errno = withShortPath(path, (short) => pipe.connect(request, short)) ?? 0;
    if (errno < 0) fail();
  } catch {
    // Its folder is not there.
    fail();
  }
  return {
    send(message, handle, sent) {
      if (connection) connection.send(message, handle, sent);
      else process.nextTick(() => sent?.(new Error("the peer is not connected")));
    },
    isCongested: () => connection?.isCongested() ?? true,
    destroy() {
      if (connection) connection.destroy();
      else fail();
    },
    ref: () => pipe.ref(),
    unref: () => pipe.unref(),
    get isOpen() {
      return connection?.isOpen ?? false;
    },
  };
}

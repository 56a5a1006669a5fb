/** The listening handle that `net` works with; it has no socket of its own. */

import { chmodSync, statSync } from "node:fs";
import type { ListenRequest } from "../link/agent-messages.ts";
import type { Facade, Handle, InternalServer } from "./node-internals.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** UV_READABLE, UV_WRITABLE and UV_UNKNOWN. */
const READABLE = 1;
const WRITABLE = 2;
const UNKNOWN_ERROR = -4094;

/** What a facade stands for. */
export interface Listening {
  readonly request: ListenRequest;
  readonly shards: ReadonlyMap<number, Handle>;
  /** Set once the server has called listen(). */
  backlog: number | null;
}

/** The handle `net` works with. A timer stands for it in the event loop, as in Node's own round robin. */
export function createFacade(
  listener: Listening,
  sockname: Readonly<Record<string, unknown>>,
  tell: { listening(): void; closed(): void },
): Facade {
  let timer: NodeJS.Timeout | null = null;
  const facade: Facade = {
    onconnection: null,
    listen(backlog) {
      listener.backlog = backlog;
      for (const handle of listener.shards.values()) handle.listen(backlog);
      tell.listening();
      return 0;
    },
    close(callback) {
      facade.unref();
      tell.closed();
      if (callback) setImmediate(callback);
    },
    ref() {
      timer ??= setInterval(() => {}, LONGEST_TIMER_MS);
    },
    unref() {
      if (timer) clearInterval(timer);
      timer = null;
    },
  };
  if (listener.request.addressType !== -1) {
    facade.getsockname = (out) => {
      Object.assign(out, sockname);
      return 0;
    };
  } else {
    facade.fchmod = (mode) => addRights(String(listener.request.address), mode);
  }
  facade.ref();
  return facade;
}

/** readableAll and writableAll, for user, group and others. Before libuv 1.51 beside the rights there are. */
function addRights(path: string, mode: number): number {
  try {
    const wanted = (mode & READABLE ? 0o444 : 0) | (mode & WRITABLE ? 0o222 : 0);
    const [major = 0, minor = 0] = process.versions.uv.split(".").map(Number);
    const kept = major > 1 || minor >= 51 ? 0 : statSync(path).mode & 0o777;
    chmodSync(path, kept | wanted);
    return 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? UNKNOWN_ERROR;
  }
}

/**
 * `net` sets the modes of a socket file right after it has asked for the handle, and passes over them
 * where there is none yet, as in every cluster worker. So there is one for as long as `listen()` runs,
 * which hands on what it is told.
 */
export function catchModes(server: InternalServer, told: (mode: number) => void): void {
  if (server._handle) return;
  const none = (): void => {};
  const stand: Facade = {
    onconnection: null,
    listen: () => 0,
    fchmod(mode) {
      told(mode);
      return 0;
    },
    close: none,
    ref: none,
    unref: none,
  };
  server._handle = stand;
  process.nextTick(() => {
    if (server._handle === stand) server._handle = null;
  });
}

/** The listening handle that `net` works with; it has no socket of its own. */

import { chmodSync } from "node:fs";
import type { ListenRequest } from "../link/agent-messages.ts";
import type { Facade, Handle } from "./node-internals.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

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
    // readableAll and writableAll: libuv adds the same rights to user, group and others.
    facade.fchmod = (mode) => {
      chmodSync(
        String(listener.request.address),
        0o700 | (mode & 1 ? 0o444 : 0) | (mode & 2 ? 0o222 : 0),
      );
      return 0;
    };
  }
  facade.ref();
  return facade;
}

/** A peer leaves, and with it the connections of clients whose sessions are here: what streams to them ends. */

import { isEventStream } from "../drain.ts";
import type { InternalSocket } from "../node-internals.ts";
import type { Traffic } from "../traffic.ts";
import { closeWebSocket } from "../websocket.ts";

const SWEEP_EVERY_MS = 50;
/** One by one, so that their clients do not return all at once. */
const SPREAD_MS_PER_STREAM = 10;

/** Ends WebSockets and event streams among `sockets()` until there is none left, or `withinMs` has passed. */
export function endStreams(
  sockets: () => readonly InternalSocket[],
  traffic: Traffic,
  withinMs: number,
): void {
  const ends = new WeakMap<InternalSocket, number>();
  const told = new WeakSet<InternalSocket>();
  const until = Date.now() + withinMs;
  const timer = setInterval(() => {
    const now = Date.now();
    const open = sockets();
    if (open.length === 0 || now > until) return clearInterval(timer);
    const spread = Math.min(withinMs / 2, open.length * SPREAD_MS_PER_STREAM);
    for (const socket of open) {
      const end = ends.get(socket) ?? now + Math.random() * spread;
      ends.set(socket, end);
      if (end > now || told.has(socket)) continue;
      if (traffic.upgrades.get(socket) === "websocket") {
        told.add(socket);
        closeWebSocket(socket);
      } else if (isEventStream(socket._httpMessage?._header ?? null)) socket._httpMessage?.end();
    }
  }, SWEEP_EVERY_MS).unref();
}

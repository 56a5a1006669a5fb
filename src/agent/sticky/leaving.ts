/** A peer leaves, and with it the connections of clients whose sessions are here: what streams to them ends. */

import type { InternalSocket } from "../node-internals.ts";
import { StreamEnds } from "../stream-ends.ts";
import type { Traffic } from "../traffic.ts";

const SWEEP_EVERY_MS = 50;

/** Ends WebSockets and event streams among `sockets()` until there is none left, or `withinMs` has passed. */
export function endStreams(
  sockets: () => readonly InternalSocket[],
  traffic: Traffic,
  withinMs: number,
): void {
  const streams = new StreamEnds(traffic, withinMs);
  const until = Date.now() + withinMs;
  const timer = setInterval(() => {
    const now = Date.now();
    const open = sockets();
    if (open.length === 0 || now > until) return clearInterval(timer);
    for (const socket of open) streams.sweep(socket, now, open.length);
  }, SWEEP_EVERY_MS).unref();
}

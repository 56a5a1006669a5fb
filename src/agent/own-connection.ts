/**
 * A connection of this process with itself, which no server has accepted yet: past the port that it shares with
 * its siblings. Real sockets, of the kind all others are: V8 compiles http for the shapes it has met, and one
 * request over a stream of our own makes every later one of the process a tenth slower (measured, Node 24).
 */

import net, { type Server, type Socket } from "node:net";
import { connectionOf } from "./connection.ts";
import { type InternalSocket, netInternals } from "./node-internals.ts";

const HOST = "127.0.0.1";

/** Calls back with its two ends, or with what was in the way. Keeps no process alive. */
export function connectToSelf(
  done: (error: Error | null, client: Socket | null, side: Socket | null) => void,
): void {
  const handle = netInternals._createServerHandle(HOST, 0, 4, -1, 0);
  if (typeof handle === "number") {
    return done(new Error(`no port on ${HOST}: ${handle}`), null, null);
  }
  // As http's own servers accept.
  const door = net.createServer({ allowHalfOpen: true, noDelay: true });
  door.unref();
  door.once("error", (error) => done(error, null, null));
  door.listen(handle as never, () => enter(door, done));
}

function enter(door: Server, done: Parameters<typeof connectToSelf>[0]): void {
  const { port } = door.address() as { port: number };
  const client = net.connect({ host: HOST, port });
  client.unref();
  let isDone = false;
  const end = (error: Error | null, side: Socket | null): void => {
    if (isDone) return;
    isDone = true;
    door.close();
    client.removeListener("error", fail);
    done(error, error ? null : client, side);
  };
  const fail = (error: Error): void => end(error, null);
  client.once("error", fail);
  client.once("close", () => fail(new Error("the connection was closed")));
  const sides: Socket[] = [];
  const match = (): void => {
    // Somebody else may have come through the door.
    for (const side of sides.splice(0)) {
      if (portBehind(side) !== client.localPort) side.destroy();
      else {
        connectionOf(side).isOwn = true;
        side.unref();
        end(null, side);
      }
    }
  };
  door.on("connection", (side) => {
    sides.push(side);
    if (!client.connecting) match();
  });
  client.once("connect", match);
}

/** By the handle: a socket that was asked for it once keeps the answer, and has a shape of its own with it. */
function portBehind(side: Socket): unknown {
  const out: Record<string, unknown> = {};
  (side as InternalSocket)._handle?.getpeername?.(out);
  return out.port;
}

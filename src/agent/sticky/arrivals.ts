/** Sockets that enter a server here without having been accepted here, or come back to it. */

import net from "node:net";
import type { Handle, InternalServer, InternalSocket } from "../node-internals.ts";
import { admit } from "./peer-server.ts";
import type { Arrival } from "./visit.ts";

/** Gives the server a socket of which `bytes` were read. */
export function arrive(
  server: InternalServer,
  handle: Handle,
  bytes: Buffer,
  arrival: Arrival,
): void {
  const options = { handle, readable: true, writable: true, allowHalfOpen: true };
  const socket = new net.Socket(options as never) as InternalSocket;
  admit(server, socket, bytes, { arrival });
}

/** Sockets that enter a server here without having been accepted here, or come back to it. */

import net from "node:net";
import type { Handle, InternalServer, InternalSocket } from "../node-internals.ts";
import { admit } from "./peer-server.ts";

/** On a socket: `here`: its next request has been routed; `back`: it could not be handed over. */
const ARRIVED = Symbol("holdfast.arrived");
export type Arrival = "here" | "back";
type ArrivedSocket = InternalSocket & { [ARRIVED]?: Arrival | undefined };

/** Gives the server a socket of which `bytes` were read. */
export function arrive(
  server: InternalServer,
  handle: Handle,
  bytes: Buffer,
  arrival: Arrival,
): void {
  const options = { handle, readable: true, writable: true, allowHalfOpen: true };
  const socket: ArrivedSocket = new net.Socket(options as never) as InternalSocket;
  socket[ARRIVED] = arrival;
  admit(server, socket, bytes);
}

/** How it arrived, the first time it is asked. */
export function arrivalOf(socket: InternalSocket): Arrival | undefined {
  const found = (socket as ArrivedSocket)[ARRIVED];
  if (found !== undefined) (socket as ArrivedSocket)[ARRIVED] = undefined;
  return found;
}

/** An upgrade whose socket cannot be handed over: its bytes go to its worker and back, as they come. */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { InternalSocket } from "../node-internals.ts";
import type { Destination } from "./forward.ts";
import { connectToPeer } from "./peer-connection.ts";
import { factsOf, writePreamble } from "./preamble.ts";
import { headOf } from "./request-words.ts";

export interface Tunnelled {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What was read behind the request's head. */
  readonly head: Buffer;
  readonly key: string;
}

/** `failed`: the peer cannot be had; nothing has been read. */
export function tunnel(
  self: string,
  to: Destination,
  { request, socket, head, key }: Tunnelled,
  failed: () => void,
): void {
  const facts = factsOf(request.socket as InternalSocket);
  const peer = connectToPeer(to.path, writePreamble({ kind: "http", from: self, key, facts }));
  const clientGone = (): void => void peer.destroy();
  let isConnected = false;
  socket.once("close", clientGone);
  peer.on("error", () => {});
  peer.once("connect", () => {
    isConnected = true;
    socket.on("error", () => {});
    peer.write(headOf(request), "latin1");
    if (head.length > 0) peer.write(head);
    socket.pipe(peer);
    peer.pipe(socket);
  });
  peer.once("close", () => {
    socket.removeListener("close", clientGone);
    if (!isConnected && !socket.destroyed) failed();
    else if (isConnected) endSoon(socket);
  });
}

/** The peer's side is over: what it has said last still goes out. */
function endSoon(socket: Duplex): void {
  if (!socket.writableEnded) socket.end();
  if (socket.writableFinished || socket.destroyed) socket.destroy();
  else socket.once("finish", () => socket.destroy());
}

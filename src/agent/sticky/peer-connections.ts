/** The connections to peers that belong to one client's connection here. */

import { connectionOf } from "../connection.ts";
import type { InternalServer, InternalSocket } from "../node-internals.ts";
import { PeerConnection } from "./peer-connection.ts";
import { factsOf, writePreamble } from "./preamble.ts";
import { visitOf } from "./visit.ts";

type Peers = ReadonlyMap<string, readonly PeerConnection[]>;

/** An idle connection to the peer that belongs to this client's, or a new one. */
export function connectionTo(
  self: string,
  { tag, path }: { readonly tag: string; readonly path: string },
  key: string,
  client: InternalSocket,
): PeerConnection {
  const visit = visitOf(client);
  const peers = visit.peers ?? new Map<string, PeerConnection[]>();
  if (!visit.peers) {
    visit.peers = peers;
    client.once("close", () => closeAll(peers));
    awaitAnswers(client, peers);
  }
  const open = (peers.get(tag) ?? []).filter(({ isOpen }) => isOpen);
  peers.set(tag, open);
  const idle = open.find(({ isIdle }) => isIdle);
  if (idle) return idle;
  const facts = factsOf(client);
  const connection = new PeerConnection(
    path,
    writePreamble({ kind: "http", from: self, key, facts }),
  );
  open.push(connection);
  return connection;
}

/** Closes what is idle of the connections to these peers: they are leaving. */
export function letGo(client: InternalSocket, isLeaving: (tag: string) => boolean): void {
  for (const [tag, connections] of connectionOf(client).visit?.peers ?? []) {
    if (!isLeaving(tag)) continue;
    for (const connection of connections) if (connection.isIdle) connection.destroy();
  }
}

function closeAll(peers: Peers): void {
  for (const connections of peers.values())
    for (const connection of connections) connection.destroy();
}

/**
 * A client may half-close its connection behind its requests. Node would end it at once: what the app has answered by
 * then has been written. Of what its peers answer nothing has come yet, so they are told, and answer or end it as Node
 * does; here Node ends it behind the last response.
 */
function awaitAnswers(client: InternalSocket, peers: Peers): void {
  const server = client.server as (InternalServer & { httpAllowHalfOpen?: boolean }) | undefined;
  if (!server) return;
  let isChanged = false;
  client.prependListener("end", () => {
    if (!halfClose(peers)) return;
    // By itself a socket of https ends at once, too.
    client.allowHalfOpen = true;
    if (server.httpAllowHalfOpen) return;
    isChanged = true;
    server.httpAllowHalfOpen = true;
  });
  // Behind Node's listener, which looks at it.
  client.on("end", () => {
    if (isChanged) server.httpAllowHalfOpen = false;
  });
}

/** False: none of them has a request to answer. */
function halfClose(peers: Peers): boolean {
  let isAwaited = false;
  for (const connections of peers.values())
    for (const connection of connections) if (connection.clientEnded()) isAwaited = true;
  return isAwaited;
}

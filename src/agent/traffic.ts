/** Who is connected: every server that listens, its sockets, upgrades and HTTP/2 sessions. */

import type { IncomingMessage } from "node:http";
import type { ServerHttp2Session } from "node:http2";
import { afterClose, type Lives, NO_LIVES } from "../core/gate.ts";
import type { InternalServer, InternalSocket } from "./node-internals.ts";

export interface Traffic {
  /** Sees the server's connections from now on. */
  watch(server: InternalServer): void;
  /** Every open socket as the app sees it (the TLS socket, not the one below it). */
  readonly sockets: ReadonlyMap<InternalSocket, Connection>;
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  readonly servers: ReadonlySet<InternalServer>;
  /** Open connections. */
  open(): number;
  /** How long connections lived that have closed. */
  lives(): Lives;
}

export interface Connection {
  readonly server: InternalServer;
  /** Date.now() at its opening. */
  readonly openedAt: number;
  /** The socket was upgraded: `websocket`, another protocol's name, or null for none. */
  upgrade: string | null;
}

export function watchTraffic(onChange: () => void): Traffic {
  const sockets = new Map<InternalSocket, Connection>();
  const sessions = new Set<ServerHttp2Session>();
  const servers = new Set<InternalServer>();
  let lives = NO_LIVES;

  const forget = (socket: InternalSocket): void => {
    const connection = sockets.get(socket);
    if (!connection) return;
    sockets.delete(socket);
    const now = Date.now();
    lives = afterClose(lives, now - connection.openedAt, now);
    onChange();
  };
  const remember = (server: InternalServer, socket: InternalSocket): void => {
    if (sockets.has(socket)) return;
    sockets.set(socket, { server, openedAt: Date.now(), upgrade: null });
    socket.once("close", () => forget(socket));
    onChange();
  };
  const encrypted = (server: InternalServer, socket: InternalSocket): void => {
    // tls replaces the raw socket's handle; the raw one is not a connection of its own any more.
    const raw = (socket as unknown as { _parent?: InternalSocket })._parent;
    if (raw && sockets.delete(raw))
      sockets.set(socket, { server, openedAt: Date.now(), upgrade: null });
    else remember(server, socket);
    socket.once("close", () => forget(socket));
  };
  const session = (opened: ServerHttp2Session): void => {
    sessions.add(opened);
    opened.once("close", () => sessions.delete(opened));
  };

  /** One place sees all that a server does; a listener of ours would be visible to the app. */
  const observe = (
    server: InternalServer,
    event: string,
    first: unknown,
    second: unknown,
  ): void => {
    if (event === "connection") remember(server, first as InternalSocket);
    else if (event === "secureConnection") encrypted(server, first as InternalSocket);
    else if (event === "session") session(first as ServerHttp2Session);
    else if (event === "upgrade") {
      const connection = sockets.get(second as InternalSocket);
      const { headers } = first as IncomingMessage;
      if (connection) connection.upgrade = String(headers.upgrade ?? "").toLowerCase();
    }
  };

  return {
    watch(server) {
      if (servers.has(server)) return;
      servers.add(server);
      const emit = server.emit as (event: string, ...args: unknown[]) => boolean;
      server.emit = function (
        this: InternalServer,
        event: string,
        a: unknown,
        b: unknown,
        ...rest: unknown[]
      ) {
        // Nearly every call: keep it free of allocations and copies.
        if (event === "request") return emit.call(this, event, a, b);
        observe(server, event, a, b);
        return Reflect.apply(emit, this, [event, a, b, ...rest]);
      } as typeof server.emit;
    },
    sockets,
    sessions,
    servers,
    open: () => sockets.size,
    lives: () => lives,
  };
}

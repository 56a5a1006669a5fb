/**
 * Who is connected: every server that listens, its sockets, upgrades and HTTP/2 sessions. Runs for
 * each connection and each request: one object is made here per connection (connection.ts), no closure, no copy.
 */

import http, { type IncomingMessage } from "node:http";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import https from "node:https";
import { meanLife, UNKNOWN_LIFE_MS } from "../core/gate.ts";
import { type Connection, connectionOf, forgetConnection } from "./connection.ts";
import type { InternalServer, InternalSocket } from "./node-internals.ts";
import { OpenSockets } from "./open-sockets.ts";
import { begins, Requests } from "./requests.ts";

type TlsSocket = InternalSocket & { _parent?: InternalSocket };

export type Emit = (this: InternalServer, event: string, ...args: unknown[]) => boolean;

/** Instead of a protocol's name: its bytes go to another worker and back, which ends it. */
export const TUNNEL = "holdfast-tunnel";

/** Sees what servers emit before the app does. */
export interface Router {
  /** True: it takes care of it, and gives it to the app by `emit` after all if it must. */
  takes(
    server: InternalServer,
    event: string,
    request: unknown,
    second: unknown,
    head: unknown,
    emit: Emit,
  ): boolean;
}

export class Traffic {
  /** Every open socket as the app sees it (the TLS socket, not the one below it). */
  readonly sockets = new OpenSockets();
  readonly sessions = new Set<ServerHttp2Session>();
  readonly servers = new Set<InternalServer>();
  readonly requests = new Requests();
  /** How many of them are of clients that are connected to other workers, which count them. */
  visitors: { readonly size: number } = { size: 0 };
  /** Null: every request is served where it arrives. */
  router: Router | null = null;
  /** Open sockets that were upgraded and end here. */
  upgraded = 0;
  readonly #changed: () => void;
  readonly #origin = Date.now();
  readonly #forget: (this: InternalSocket) => void;
  /** Mean life of connections that have closed, and when the last one did. Milliseconds. */
  #meanLifeMs = UNKNOWN_LIFE_MS;
  #lastClosedAt = Number.NEGATIVE_INFINITY;

  /** `changed` hears of every connection that opens or closes. */
  constructor(changed: () => void) {
    this.#changed = changed;
    const traffic = this;
    // One listener for all sockets, which Node calls with the socket as `this`.
    this.#forget = function (this: InternalSocket) {
      traffic.#closed(this);
    };
  }

  /** Sees the server's connections from now on. A listener of ours would be visible to the app. */
  watch(server: InternalServer): void {
    if (this.servers.has(server)) return;
    this.servers.add(server);
    const emit = this.requests.below(server.emit) as Emit;
    const traffic = this;
    const speaksHttp1 = isHttp1(server) || allowsHttp1(server);
    server.emit = function (
      this: InternalServer,
      event: string,
      a: unknown,
      b: unknown,
      ...rest: unknown[]
    ) {
      if (
        traffic.router !== null &&
        speaksHttp1 &&
        traffic.router.takes(this, event, a, b, rest[0], emit)
      )
        return true;
      if (begins(event)) traffic.requests.began(a, b);
      else if (event === "connection") traffic.#opened(a as InternalSocket);
      else traffic.#observe(event, a, b);
      // As Node emits most. Apps that emit themselves may say more.
      if (rest.length > 0) return Reflect.apply(emit, this, [event, a, b, ...rest]);
      if (b !== undefined) return emit.call(this, event, a, b);
      return a === undefined ? emit.call(this, event) : emit.call(this, event, a);
    } as typeof server.emit;
  }

  /** Open connections. */
  get open(): number {
    return this.sockets.size;
  }

  /** Those that this worker has accepted itself. */
  get accepted(): number {
    return this.sockets.size - this.visitors.size;
  }

  /** Milliseconds connections lived that closed lately, and since the last one closed. */
  get meanLifeMs(): number {
    return this.#meanLifeMs;
  }

  sinceLastCloseMs(): number {
    return Date.now() - this.#lastClosedAt;
  }

  /** A request for an upgrade goes to the app. */
  upgrading(request: IncomingMessage, socket: InternalSocket): void {
    this.#observe("upgrade", request, socket);
  }

  /** The app has answered the request for this upgrade: with a 101, or else. */
  hasAnswered(socket: InternalSocket): boolean {
    return socket.bytesWritten !== connectionOf(socket).upgrade?.writtenBefore;
  }

  #observe(event: string, first: unknown, second: unknown): void {
    if (event === "secureConnection") this.#encrypted(first as TlsSocket);
    else if (event === "session") this.#session(first as ServerHttp2Session);
    else if (event === "stream") this.#stream(first as ServerHttp2Stream, second);
    else if (event === "upgrade" && this.sockets.has(second)) {
      // Of a connection only: a server may emit an "upgrade" of its own that means something else.
      const { headers, httpVersionMajor } = (first ?? {}) as Partial<IncomingMessage>;
      // One stream's, whose socket is that of all of them.
      if (httpVersionMajor === 2) return;
      const socket = second as InternalSocket;
      const connection = connectionOf(socket);
      // An app may hand it on to another of its servers by the same event.
      if (connection.upgrade !== null) return;
      const to = String(headers?.upgrade ?? "").toLowerCase();
      connection.upgrade = { to, writtenBefore: socket.bytesWritten };
      this.upgraded += 1;
    }
  }

  #opened(socket: InternalSocket): void {
    if (this.sockets.has(socket)) return this.#isPlainAgain(connectionOf(socket));
    // An app may find out what it is before it gives it to a server, and lose it meanwhile: no end would be told.
    if (socket.destroyed) return;
    // An app's own socket may connect again after its end.
    if (connectionOf(socket).isOver) {
      socket.off("close", this.#forget);
      forgetConnection(socket);
    }
    const connection = connectionOf(socket);
    // It wraps after 24 days, and the life in #closed with it.
    connection.openedAt = (Date.now() - this.#origin) | 0;
    connection.isWatched = true;
    this.sockets.add(socket);
    socket.on("close", this.#forget);
    this.#changed();
  }

  /** The app gives it to a server once more: one whose upgrade it did not want, for the requests that follow. */
  #isPlainAgain(connection: Connection): void {
    if (connection.upgrade === null || connection.upgrade.to === TUNNEL) return;
    connection.upgrade = null;
    this.upgraded -= 1;
  }

  /** tls replaces the raw socket's handle: the raw one is not a connection of its own any more. */
  #encrypted(socket: TlsSocket): void {
    if (socket._parent) this.sockets.delete(socket._parent);
    this.#opened(socket);
  }

  #session(session: ServerHttp2Session): void {
    this.sessions.add(session);
    session.once("close", () => this.sessions.delete(session));
  }

  #stream(stream: ServerHttp2Stream, headers: unknown): void {
    // Of HTTP/2 only: a server may emit a "stream" of its own that means something else.
    if (!this.sessions.has(stream?.session as ServerHttp2Session)) return;
    this.requests.stream(stream, (headers as Record<string, unknown> | undefined)?.[":method"]);
  }

  #closed(socket: InternalSocket): void {
    this.requests.ended(socket);
    if (!this.sockets.delete(socket)) return;
    const { upgrade, openedAt } = connectionOf(socket);
    if (upgrade !== null && upgrade.to !== TUNNEL) this.upgraded -= 1;
    const now = Date.now();
    const life = (now - this.#origin - openedAt) | 0;
    this.#meanLifeMs = meanLife(this.#meanLifeMs, Math.max(0, life));
    this.#lastClosedAt = now;
    this.#changed();
  }
}

/** A server of HTTP/1.1 and nothing else: its requests are its connections' own. */
export function isHttp1(server: InternalServer | undefined): boolean {
  return server instanceof http.Server || server instanceof https.Server;
}

/** A server of HTTP/2 that takes HTTP/1.1, too (`allowHTTP1`): only then Node gives it what http's servers have. */
function allowsHttp1(server: InternalServer): boolean {
  return "headersTimeout" in server;
}

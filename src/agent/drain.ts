/**
 * Drain: ends what is open without breaking any of it. New connections go to siblings already; here
 * requests are answered with `Connection: close`, idle connections close after a quiet grace, HTTP/2
 * gets GOAWAY, event streams end, WebSockets get a 1012 close frame.
 */

import type { ServerHttp2Session } from "node:http2";
import type { Duplex } from "node:stream";
import { Closing } from "./closing.ts";
import { connectionOf } from "./connection.ts";
import { endStream } from "./end-stream.ts";
import type { InternalSocket } from "./node-internals.ts";
import { StreamEnds } from "./stream-ends.ts";
import { type Traffic, TUNNEL } from "./traffic.ts";

const SWEEP_EVERY_MS = 50;
/** Node's default keep-alive timeout: a server without one of its own gets this grace. */
const DEFAULT_GRACE_MS = 5000;
/** A socket that was ended and is still open then is destroyed. */
const DESTROY_AFTER_MS = 1000;
/** After GOAWAY streams that were on their way still arrive; then the session is closed. */
const GOAWAY_GRACE_MS = 500;
const HIGHEST_STREAM = 2 ** 31 - 1;

/** Ends all traffic of this worker. `done` is called once, when nothing is open and none is awaited. */
export class Drain {
  readonly #traffic: Traffic;
  readonly #timeoutMs: number;
  readonly #isAwaited: () => boolean;
  readonly #done: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #streams: StreamEnds;
  readonly #closing = new Closing();
  /** Bytes of each idle socket so far, and since when there were no more. */
  readonly #quiet = new WeakMap<InternalSocket, { bytes: number; since: number }>();
  /** Sessions that have been told to close. */
  readonly #told = new WeakSet<ServerHttp2Session>();
  #isHurried = false;

  constructor(traffic: Traffic, timeoutMs: number, isAwaited: () => boolean, done: () => void) {
    this.#traffic = traffic;
    this.#timeoutMs = timeoutMs;
    this.#streams = new StreamEnds(traffic, timeoutMs);
    this.#isAwaited = isAwaited;
    this.#done = done;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
    this.#sweep();
  }

  /** Idle connections and streams end now instead of after their grace. */
  hurry(): void {
    this.#isHurried = true;
    this.#streams.hurry();
  }

  #sweep(): void {
    const now = Date.now();
    for (const session of this.#traffic.sessions) this.#sweepSession(session, now);
    for (const socket of this.#traffic.sockets) this.#sweepSocket(socket, now);
    if (this.#traffic.open > 0 || this.#isAwaited()) return;
    clearInterval(this.#timer);
    this.#done();
  }

  #sweepSession(session: ServerHttp2Session, now: number): void {
    if (!this.#told.has(session)) leaveSession(session);
    this.#told.add(session);
    for (const stream of eventStreams(session)) {
      if (this.#streams.isDue(stream, now, this.#traffic.open)) endStream(stream);
    }
  }

  #sweepSocket(socket: InternalSocket, now: number): void {
    const upgrade = connectionOf(socket).upgrade?.to;
    // Its other end is told to end it.
    if (upgrade === TUNNEL) return;
    this.#closing.underWay(socket);
    if (upgrade === "websocket" || socket._httpMessage) {
      this.#quiet.delete(socket);
      this.#streams.sweep(socket, now, this.#traffic.open);
    } else if (upgrade !== undefined || !carriesSession(socket)) this.#closeIfQuiet(socket, now);
  }

  #closeIfQuiet(socket: InternalSocket, now: number): void {
    const bytes = socket.bytesRead + socket.bytesWritten;
    const last = this.#quiet.get(socket);
    const since = last?.bytes === bytes ? last.since : now;
    if (last?.bytes !== bytes) this.#quiet.set(socket, { bytes, since });
    const grace = this.#graceOf(socket);
    if (now - since < grace) return;
    if (!socket.writableEnded) socket.end();
    else if (now - since > grace + DESTROY_AFTER_MS) socket.destroy();
  }

  /** As long as the server itself would keep an idle connection: its client knows of no shorter time. */
  #graceOf({ server }: InternalSocket): number {
    return this.#isHurried
      ? 0
      : Math.min(server?.keepAliveTimeout || DEFAULT_GRACE_MS, this.#timeoutMs / 2);
  }
}

/** An HTTP/2 session ends its socket itself, when its last stream is done; that may be silent for long. */
function carriesSession(socket: InternalSocket): boolean {
  const server = socket.server?.constructor.name ?? "";
  if (socket.parser || !server.startsWith("Http2")) return false;
  // Before the TLS handshake there is no session: a client that never begins it must not hold up the drain.
  return server !== "Http2SecureServer" || socket.encrypted === true;
}

/**
 * GOAWAY in two steps (RFC 9113, 6.8): first with the highest stream id, which only announces, then
 * the close, which refuses what comes later. `close()` of a server sends none before Node 24, and
 * announcing after closing breaks the session from Node 24 on, so both are done by hand and in this order.
 */
function leaveSession(session: ServerHttp2Session): void {
  if (session.destroyed || session.closed) return;
  session.goaway(0, HIGHEST_STREAM);
  setTimeout(() => {
    if (!session.destroyed && !session.closed) session.close();
  }, GOAWAY_GRACE_MS).unref();
}

interface Http2Stream extends Duplex {
  readonly sentHeaders?: Record<string, unknown>;
}

/** Open event streams of a session. Node keeps a session's streams on a symbol. */
function eventStreams(session: ServerHttp2Session): readonly Http2Stream[] {
  const symbol = Object.getOwnPropertySymbols(session).find((key) => key.description === "state");
  const state =
    symbol &&
    (session as unknown as Record<symbol, { streams?: Map<number, Http2Stream> }>)[symbol];
  return [...(state?.streams?.values() ?? [])].filter((stream) =>
    String(stream.sentHeaders?.["content-type"] ?? "").startsWith("text/event-stream"),
  );
}

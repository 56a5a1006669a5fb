/**
 * Drain: ends what is open without breaking any of it. New connections go to siblings already; here
 * requests are answered with `Connection: close`, idle connections close after a quiet grace, HTTP/2
 * gets GOAWAY, event streams end, WebSockets get a 1012 close frame.
 */

import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Session } from "node:http2";
import type { InternalServer, InternalSocket } from "./node-internals.ts";
import type { Connection, Traffic } from "./traffic.ts";
import { closeWebSocket } from "./websocket.ts";

const SWEEP_EVERY_MS = 50;
/** Node's default keep-alive timeout: a server without one of its own gets this grace. */
const DEFAULT_GRACE_MS = 5000;
/** After GOAWAY streams that were on their way still arrive; then the session is closed. */
const GOAWAY_GRACE_MS = 500;
/** WebSockets and event streams end one by one, so that their clients do not return all at once. */
const SPREAD_MS_PER_STREAM = 10;
const HIGHEST_STREAM = 2 ** 31 - 1;

export interface Drain {
  /** Idle connections and streams end now instead of after their grace. */
  hurry(): void;
}

/** Drains all traffic; `done` is called once, when nothing is open and no connection is awaited. */
export function drainTraffic(
  traffic: Traffic,
  timeoutMs: number,
  isAwaited: () => boolean,
  done: () => void,
): Drain {
  const ends = new Map<object, number>();
  const quiet = new Map<InternalSocket, { bytes: number; since: number }>();
  const closing = new Set<object>();
  let isHurried = false;
  answerWithClose();

  const graceOf = (server: InternalServer): number =>
    isHurried ? 0 : Math.min(server.keepAliveTimeout || DEFAULT_GRACE_MS, timeoutMs / 2);

  /** The instant at which a long-lived stream ends: spread at random over a window that grows with their number. */
  const endOf = (stream: object, now: number): number => {
    const spread = Math.min(timeoutMs / 2, traffic.open() * SPREAD_MS_PER_STREAM);
    const at = ends.get(stream) ?? now + Math.random() * spread;
    ends.set(stream, at);
    return isHurried ? now : at;
  };

  const closeIfQuiet = (socket: InternalSocket, server: InternalServer, now: number): void => {
    const bytes = socket.bytesRead + socket.bytesWritten;
    const last = quiet.get(socket);
    if (!last || last.bytes !== bytes) quiet.set(socket, { bytes, since: now });
    const since = last && last.bytes === bytes ? last.since : now;
    if (now - since < graceOf(server)) return;
    if (!socket.writableEnded) socket.end();
    else if (now - since > graceOf(server) + 1000) socket.destroy();
  };

  const sweepSocket = (socket: InternalSocket, connection: Connection, now: number): void => {
    const response = socket._httpMessage;
    if (connection.upgrade === "websocket") {
      if (closing.has(socket) || endOf(socket, now) > now) return;
      closing.add(socket);
      closeWebSocket(socket);
    } else if (response) {
      quiet.delete(socket);
      if (isEventStream(response._header) && endOf(response, now) <= now) response.end();
    } else closeIfQuiet(socket, connection.server, now);
  };

  const sweep = (): void => {
    const now = Date.now();
    for (const session of traffic.sessions) {
      if (!closing.has(session)) leaveSession(session);
      closing.add(session);
      for (const stream of eventStreams(session)) if (endOf(stream, now) <= now) stream.end();
    }
    const isSession = new Set([...traffic.sessions].map((session) => session.socket));
    for (const [socket, connection] of traffic.sockets) {
      if (!isSession.has(socket)) sweepSocket(socket, connection, now);
    }
    if (traffic.open() > 0 || isAwaited()) return;
    clearInterval(timer);
    done();
  };
  const timer = setInterval(sweep, SWEEP_EVERY_MS);
  sweep();
  return {
    hurry() {
      isHurried = true;
    },
  };
}

/** From now on every response ends its connection, unless more pipelined requests wait behind it. */
function answerWithClose(): void {
  const heads = new WeakMap<object, { buffer: Buffer; seen: number }>();
  subscribe("http.server.request.start", (message) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    const socket = request.socket as InternalSocket;
    const buffer = socket.parser?.getCurrentBuffer?.();
    // One read may hold several requests. A response that says `close` would make http drop the
    // ones behind it, so only the last says it.
    const last = heads.get(socket);
    const seen = buffer && last && last.buffer.equals(buffer) ? last.seen + 1 : 1;
    if (buffer) heads.set(socket, { buffer, seen });
    if (!buffer || seen >= countHeads(buffer)) response.shouldKeepAlive = false;
  });
}

/** Request heads in a buffer. A body that looks like one costs nothing but a later close. */
function countHeads(buffer: Buffer): number {
  return buffer.toString("latin1").match(/^[A-Z-]+ \S+ HTTP\/1\.[01]\r$/gm)?.length ?? 0;
}

/** True for the raw header block of a `text/event-stream` response. */
function isEventStream(header: string | null): boolean {
  return header !== null && /^content-type:\s*text\/event-stream/im.test(header);
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

interface Http2Stream {
  readonly sentHeaders?: Record<string, unknown>;
  end(): void;
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

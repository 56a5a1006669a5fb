/** The parts of Node the agent touches that are not in its documentation, typed in one place. */

import type { IncomingMessage, ServerResponse } from "node:http";
import net, { type Server, type Socket } from "node:net";

/** A libuv stream handle (TCPWrap or Pipe). */
export interface Handle {
  /** -1 once it is closed. */
  readonly fd?: number;
  onconnection: ((error: number, client: Handle | undefined) => void) | null;
  listen(backlog: number): number;
  close(callback?: () => void): void;
  ref?(): void;
  unref?(): void;
  readStop?(): void;
  getpeername?(out: Record<string, unknown>): number;
  setBlocking?(blocking: boolean): number;
}

/** `process.channel`, which counts who wants the process to stay for it: listeners, and writes under way. */
export interface CountedChannel {
  refCounted?(): void;
  unrefCounted?(): void;
}

/** What `net` needs of a listening handle; ours has no socket of its own. */
export interface Facade extends Handle {
  getsockname?(out: Record<string, unknown>): number;
  fchmod?(mode: number): number;
  ref(): void;
  unref(): void;
}

export interface ServerQuery {
  address: string | null;
  port: number;
  addressType: number | string;
  fd?: number;
  flags?: number;
  backlog?: number;
}

/** A `net`, `tls`, `http`, `https` or `http2` server as `cluster._getServer` gets it. */
export type InternalServer = Server & {
  _handle: Handle | null;
  _connections: number;
  _listen2?: (...args: unknown[]) => void;
  /** Counts calls of listen() and close(). */
  readonly _listeningId?: number;
  _getServerData?(): unknown;
  _setServerData?(data: unknown): void;
  keepAliveTimeout?: number;
};

/** A socket as http's server leaves it: the response it works on hangs on `_httpMessage`. */
export type InternalSocket = Socket & {
  _httpMessage?: (ServerResponse & { _header: string | null }) | null;
  _handle: Handle | null;
  server?: InternalServer;
  /** Set on TLS sockets. */
  encrypted?: boolean;
  /** `incoming`: the request it has read last, or reads. */
  parser?: { getCurrentBuffer?(): Buffer; incoming?: IncomingMessage | null } | null;
};

export type GetServer = (
  server: InternalServer,
  query: ServerQuery,
  done: (errno: number, handle: Facade | null) => void,
) => void;

/** Binds without listening; a negative number is libuv's error. */
export const netInternals = net as unknown as {
  _createServerHandle(
    address: string,
    port: number,
    addressType: number,
    fd: number,
    flags: number,
  ): Handle | number;
};

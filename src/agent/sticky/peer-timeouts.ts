/**
 * Time limits of a client's connection that another worker holds. While a request is answered here, those of its
 * server and app hold as on any connection. Between requests the holder closes it: would this worker, too, a request
 * could be on its way into a closed connection.
 */

import net from "node:net";
import type { InternalSocket } from "../node-internals.ts";

/** As lib/_http_outgoing.js keeps it (Node 20 to 26). */
type WrittenResponse = NonNullable<InternalSocket["_httpMessage"]> & {
  readonly _contentLength: number | null;
  readonly _hasBody: boolean;
};

const RESPONSE = Symbol("holdfast.response");
const WRITTEN = Symbol("holdfast.written");
const IS_SHORT = Symbol("holdfast.isShort");

type PeerSocket = InternalSocket & {
  [RESPONSE]: WrittenResponse | null;
  /** Bytes up to the last response's end. */
  [WRITTEN]: number;
  /** The last response has ended before its Content-Length: the holder waits for the rest. */
  [IS_SHORT]: boolean;
  _onTimeout(): void;
};

/** Node tells by this property when a response begins and when it has ended. */
const HTTP_MESSAGE: PropertyDescriptor & ThisType<PeerSocket> = {
  configurable: true,
  enumerable: true,
  get() {
    return this[RESPONSE];
  },
  set(response: WrittenResponse | null) {
    const last = this[RESPONSE];
    this[RESPONSE] = response;
    if (last === null || response !== null) return;
    const { bytesWritten } = this;
    this[IS_SHORT] = isShort(last, bytesWritten - this[WRITTEN]);
    this[WRITTEN] = bytesWritten;
  },
};

/** For a peer's connection that no server has been given yet. */
export function limitToRequests(socket: InternalSocket): void {
  const peer = socket as PeerSocket;
  peer[RESPONSE] = null;
  peer[WRITTEN] = socket.bytesWritten;
  peer[IS_SHORT] = false;
  Object.defineProperty(socket, "_httpMessage", HTTP_MESSAGE);
  peer._onTimeout = onTimeoutOfPeer;
}

/** Without a parser it is no server's any more: it was upgraded. */
function onTimeoutOfPeer(this: PeerSocket): void {
  const isIdle = this[RESPONSE] === null && Boolean(this.parser);
  if (!isIdle) (net.Socket.prototype as PeerSocket)._onTimeout.call(this);
  else if (this[IS_SHORT]) this.destroy();
}

/** Of `written` bytes with its head; where informational responses came before it, more may be missing than is found. */
function isShort(response: WrittenResponse, written: number): boolean {
  const { _header, _contentLength, _hasBody, chunkedEncoding } = response;
  if (_header === null || !_hasBody || chunkedEncoding || _contentLength === null) return false;
  return written < _header.length + _contentLength;
}

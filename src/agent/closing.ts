/** `Connection: close`: a client is told that its next request is to come by another connection, and so to another worker. */

import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import type { InternalSocket } from "./node-internals.ts";

type Response = NonNullable<InternalSocket["_httpMessage"]>;

/** From now on responses end their connections, each unless more pipelined requests wait behind it. */
export class Closing {
  /** The response that is to end each connection, and would not by itself. */
  readonly #last = new WeakMap<InternalSocket, Response>();
  /** What each connection has read last, and how many of the requests in it have not begun. */
  readonly #reads = new WeakMap<InternalSocket, { buffer: Buffer; left: number }>();

  constructor() {
    subscribe("http.server.request.start", (message) => {
      const { request, response } = message as { request: IncomingMessage; response: Response };
      this.#began(request.socket as InternalSocket, response);
    });
  }

  /** The same for what had begun before, as long as its head has not been written. */
  underWay(socket: InternalSocket): void {
    const { _httpMessage: response, parser } = socket;
    // A response that says `close` would make http drop the requests behind it, so only the last says it; and reset
    // the connection, if the app answers before it has been sent the whole request.
    if (response?.req.complete && parser?.incoming === response.req) this.#endBy(response, socket);
  }

  #began(socket: InternalSocket, response: Response): void {
    this.#goOn(socket);
    if (!this.#hasMore(socket)) this.#endBy(response, socket);
  }

  #endBy(response: Response, socket: InternalSocket): void {
    // The client may have asked for it.
    if (!response.shouldKeepAlive || response._header !== null) return;
    response.shouldKeepAlive = false;
    this.#last.set(socket, response);
  }

  /** One more request has come: what was to be the last response is not, if it has not been said yet. */
  #goOn(socket: InternalSocket): void {
    const response = this.#last.get(socket);
    if (response?._header === null) response.shouldKeepAlive = true;
    this.#last.delete(socket);
  }

  /** One read may hold several requests: others stand behind the one that begins. */
  #hasMore(socket: InternalSocket): boolean {
    const buffer = socket.parser?.getCurrentBuffer?.();
    if (!buffer) return false;
    const last = this.#reads.get(socket);
    const isSame = last !== undefined && last.left > 0 && last.buffer.equals(buffer);
    const left = (isSame ? last.left : countHeads(buffer)) - 1;
    this.#reads.set(socket, { buffer, left });
    return left > 0;
  }
}

/** Request heads in a buffer. A body that looks like one costs nothing but a later close. */
function countHeads(buffer: Buffer): number {
  return buffer.toString("latin1").match(/^[A-Z-]+ \S+ HTTP\/1\.[01]\r$/gm)?.length ?? 0;
}

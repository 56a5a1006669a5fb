/**
 * Somebody else's request: sent to its worker as the client sent it, answered as that worker answers. Node
 * has read the request here and keeps its place among the others of the connection; only its words are the
 * peer's.
 */

import type { IncomingMessage } from "node:http";
import { ServerResponse } from "../http-classes.ts";
import type { InternalSocket } from "../node-internals.ts";
import { liftTimeout, restoreTimeout } from "./client-timeout.ts";
import type { ExchangeListener, Loss, PeerConnection } from "./peer-connection.ts";
import { connectionTo } from "./peer-connections.ts";
import { headOf, linesOf, wholeOf } from "./request-words.ts";
import { closing, isContinue, type ResponseHead, withLine } from "./response-reader.ts";

/** As lib/_http_common.js reads Expect. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;
/** Node's own: an app's class, or its patches, have been applied to the response where it was made. */
const { write, end } = ServerResponse.prototype as {
  write(this: ServerResponse, bytes: Buffer): boolean;
  end(this: ServerResponse): void;
};
/** Shows the agent's drain that there is nothing of its own to end: the peer does. */
const FORWARDED_HEAD = "\r\n";

/** A response whose words are another's (lib/_http_outgoing.js, Node 20 to 26). */
type RawResponse = ServerResponse & {
  _header: string | null;
  _headerSent: boolean;
  _hasBody: boolean;
  _last: boolean;
  maxRequestsOnConnectionReached?: boolean;
};

export interface Destination {
  readonly tag: string;
  readonly path: string;
}

export interface Forwarding {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The server's address, by which the peer finds its own. */
  readonly key: string;
  /** Node has not said "100 Continue": the app decides. */
  readonly isUndecided: boolean;
  /** A line the response gets, by its head; null: none. */
  line(head: string): string | null;
  /** The peer cannot be had; request and response are untouched. */
  failed(): void;
}

/** Sends it. `self` is this worker's tag. */
export function forward(self: string, to: Destination, forwarding: Forwarding): void {
  const client = forwarding.request.socket as InternalSocket;
  const connection = connectionTo(self, to, forwarding.key, client);
  new Exchange(connection, forwarding).start(!connection.socket.connecting);
}

class Exchange implements ExchangeListener {
  readonly #connection: PeerConnection;
  readonly #forwarding: Forwarding;
  readonly #request: IncomingMessage;
  readonly #response: RawResponse;
  readonly #hasBody: boolean;
  readonly #isChunked: boolean;
  /** Node has said "100 Continue" already; the peer's is one too many. */
  #hasContinued: boolean;
  #isBodyRead = false;
  #isTimeoutLifted = false;
  #isSent = false;
  #hasClientEnded = false;
  #isOver = false;

  constructor(connection: PeerConnection, forwarding: Forwarding) {
    this.#connection = connection;
    this.#forwarding = forwarding;
    this.#request = forwarding.request;
    this.#response = forwarding.response as RawResponse;
    const { headers } = this.#request;
    this.#isChunked = headers["transfer-encoding"] !== undefined;
    this.#hasBody = this.#isChunked || Number(headers["content-length"] ?? 0) > 0;
    this.#hasContinued = !forwarding.isUndecided && CONTINUE.test(headers.expect ?? "");
  }

  start(isConnected: boolean): void {
    const { method, httpVersionMajor, httpVersionMinor } = this.#request;
    const isOld = httpVersionMajor === 1 && httpVersionMinor === 0;
    this.#connection.begin({ isHead: method === "HEAD", isOld }, this);
    this.#response.once("close", this.#clientGone);
    this.#isTimeoutLifted = liftTimeout(this.#request.socket as InternalSocket, this.#response);
    const { socket } = this.#connection;
    if (!this.#hasBody) {
      socket.write(headOf(this.#request), "latin1");
      return this.#sent();
    }
    // Until there is somebody to send it to, the body stays where it is. What came with the head is there on the next tick.
    if (isConnected) process.nextTick(() => this.#send());
    else socket.once("connect", () => this.#send());
  }

  interim(text: string): void {
    if (this.#hasContinued && isContinue(text)) {
      this.#hasContinued = false;
      return;
    }
    this.#speak();
    this.#write(Buffer.from(text, "latin1"));
  }

  head({ text, status, isLast }: ResponseHead): void {
    const response = this.#response;
    this.#speak();
    response.statusCode = status;
    const isToClose = response.shouldKeepAlive === false || response.maxRequestsOnConnectionReached;
    // It may be the last by Node's word, too: the client has ended its side.
    if (isLast || isToClose) response._last = true;
    const line = this.#forwarding.line(text);
    const told = isToClose && !isLast ? closing(text) : text;
    this.#write(Buffer.from(line === null ? told : withLine(told, line), "latin1"));
  }

  body(bytes: Buffer): void {
    this.#write(bytes);
  }

  end(): void {
    this.#over();
    // The peer has answered before it has read the whole request: what follows on its connection is unclear.
    if (!this.#request.complete) this.#connection.destroy();
    end.call(this.#response);
  }

  drain(): void {
    if (this.#isBodyRead) this.#request.resume();
  }

  clientEnded(): void {
    this.#hasClientEnded = true;
    if (this.#isSent) this.#connection.socket.end();
  }

  lost(how: Loss): void {
    if (this.#isOver) return;
    this.#over();
    const isUntouched = this.#response._header === null && !this.#response.destroyed;
    const isServed = how !== "broken" && !this.#isBodyRead;
    if (isUntouched && isServed) this.#forwarding.failed();
    else this.#request.socket.destroy();
  }

  /** From its first word on the response is the peer's: nothing is added to it. */
  #speak(): void {
    const response = this.#response;
    if (response._header !== null) return;
    response._header = FORWARDED_HEAD;
    response._headerSent = true;
    response._hasBody = true;
    response.chunkedEncoding = false;
  }

  #write(bytes: Buffer): void {
    if (bytes.length === 0 || write.call(this.#response, bytes)) return;
    const { socket } = this.#connection;
    socket.pause();
    this.#response.once("drain", () => socket.resume());
  }

  #send(): void {
    if (this.#isOver) return;
    const whole = wholeOf(this.#request);
    this.#connection.socket.write(whole ?? headOf(this.#request), "latin1");
    if (whole) this.#sent();
    else this.#sendBody();
  }

  #sent(): void {
    this.#isSent = true;
    if (this.#hasClientEnded) this.#connection.socket.end();
  }

  #sendBody(): void {
    const { socket } = this.#connection;
    const request = this.#request;
    this.#isBodyRead = true;
    request.on("data", (bytes: Buffer) => {
      if (this.#isOver || socket.destroyed) return;
      socket.cork();
      if (this.#isChunked) socket.write(`${bytes.length.toString(16)}\r\n`, "latin1");
      const isTaken = socket.write(bytes);
      if (this.#isChunked) socket.write("\r\n", "latin1");
      socket.uncork();
      if (!isTaken) request.pause();
    });
    request.on("end", () => {
      if (this.#isOver) return;
      if (this.#isChunked) socket.write(`0\r\n${linesOf(request.rawTrailers)}\r\n`, "latin1");
      this.#sent();
    });
  }

  readonly #clientGone = (): void => {
    if (this.#isOver) return;
    this.#over();
    this.#connection.destroy();
  };

  #over(): void {
    this.#isOver = true;
    this.#response.removeListener("close", this.#clientGone);
    if (this.#isTimeoutLifted) restoreTimeout(this.#request.socket as InternalSocket);
    this.#connection.socket.resume();
    if (this.#isBodyRead) this.#request.resume();
  }
}

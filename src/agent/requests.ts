/**
 * Requests of this worker, counted and timed without any change to the app. Runs for each request: no
 * listener, closure or object is made here for one of HTTP/1.1. It begins when its server emits it and
 * ends when Node takes the socket from its response (lib/_http_server.js resOnFinish, Node 20 to 26). One
 * whose client went away is not ended by Node: that is found at the socket's end.
 */

import http, { type IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import https from "node:https";
import type { Socket } from "node:net";
import { type Distribution, METHODS, REQUEST_BUCKETS } from "../core/stats.ts";
import { isOwn } from "./own-connection.ts";

/** On a response: when its request came. */
const STARTED = Symbol("holdfast.started");
/** On a socket: how many of its responses are not finished. */
const UNFINISHED = Symbol("holdfast.unfinished");

const OTHER = METHODS.length - 1;
const CLASSES = 6;
/** RST_STREAM with NO_ERROR (RFC 9113, 7): nobody broke it off. */
const NO_ERROR = 0;

type WatchedSocket = Socket & { [UNFINISHED]?: number };
type WatchedResponse = ServerResponse & { [STARTED]?: number | undefined };

/** What a server emits with a request and its response. A listener of the last two may emit the first. */
const BEGINNINGS: ReadonlySet<unknown> = new Set(["request", "checkContinue", "checkExpectation"]);

interface Emitter {
  emit(event: unknown, ...values: unknown[]): boolean;
}

interface Series {
  sum: number;
  readonly buckets: Float64Array;
}

export class Requests {
  inFlight = 0;
  aborted = 0;
  handled = 0;
  /** By method and status class. */
  readonly #series: (Series | undefined)[] = [];
  readonly #isWatched: (socket: Socket) => boolean;
  #counts = false;

  /** `isWatched`: the end of this socket will be told to `ended`. Nothing is counted before `count`. */
  constructor(isWatched: (socket: Socket) => boolean) {
    this.#isWatched = isWatched;
  }

  /** From now on. */
  count(): void {
    this.#counts = true;
    // Of all servers, those that get their connections from other code included.
    this.#watch(http.Server.prototype);
    this.#watch(https.Server.prototype);
    this.#watchEnds();
  }

  /** A server has emitted a request of HTTP/1.1, or something of another kind. */
  began(request: unknown, response: unknown): void {
    if (!this.#counts || !(response instanceof ServerResponse)) return;
    const exchange: WatchedResponse = response;
    const { socket } = request as IncomingMessage & { socket: WatchedSocket | null };
    if (exchange[STARTED] !== undefined || !socket) return;
    const unfinished = socket[UNFINISHED];
    if (unfinished === undefined) {
      if (isOwn(socket)) return;
      if (!this.#isWatched(socket)) socket.once("close", () => this.ended(socket));
    }
    socket[UNFINISHED] = (unfinished ?? 0) + 1;
    exchange[STARTED] = performance.now();
    this.inFlight += 1;
  }

  /** A connection is gone: what it had not been answered is aborted. */
  ended(socket: WatchedSocket): void {
    const unfinished = socket[UNFINISHED];
    if (unfinished === undefined || unfinished === 0) return;
    socket[UNFINISHED] = 0;
    this.inFlight -= unfinished;
    this.aborted += unfinished;
  }

  /** A stream of HTTP/2, which has no channels on Node 20. */
  stream(stream: ServerHttp2Stream, method: unknown): void {
    // A tunnel, such as a WebSocket (RFC 8441), is no request, as an upgrade is none.
    if (method === "CONNECT" || !this.#counts) return;
    const startedAt = performance.now();
    this.inFlight += 1;
    stream.once("close", () => {
      this.inFlight -= 1;
      const status = stream.sentHeaders?.[":status"];
      // A response to a request that is still being sent may be whole, and its stream broken off then.
      const isLeft = !stream.endAfterHeaders && stream.writableFinished;
      const isSent = stream.rstCode === NO_ERROR || isLeft;
      if (isSent && !stream.aborted && status !== undefined)
        this.#count(String(method), Number(status), startedAt);
      else this.aborted += 1;
    });
  }

  /** By method and status class, as the supervisor wants it. */
  distributions(): Record<string, Distribution> {
    const found: Record<string, Distribution> = {};
    this.#series.forEach((series, index) => {
      if (!series) return;
      const key = `${Math.floor(index / CLASSES)}:${index % CLASSES}`;
      found[key] = { sum: series.sum, buckets: [...series.buckets] };
    });
    return found;
  }

  #watch(prototype: Emitter): void {
    const { emit } = prototype;
    const requests = this;
    prototype.emit = function (this: Emitter, event, a, b, ...rest) {
      if (event === "request" || BEGINNINGS.has(event)) requests.began(a, b);
      if (rest.length > 0) return Reflect.apply(emit, this, [event, a, b, ...rest]);
      if (b !== undefined) return emit.call(this, event, a, b);
      return a === undefined ? emit.call(this, event) : emit.call(this, event, a);
    };
  }

  #watchEnds(): void {
    const prototype = ServerResponse.prototype;
    const { detachSocket } = prototype;
    const requests = this;
    prototype.detachSocket = function (this: WatchedResponse, socket) {
      if (this[STARTED] !== undefined) requests.#finished(this, socket);
      return detachSocket.call(this, socket);
    };
  }

  #finished(response: WatchedResponse, socket: WatchedSocket): void {
    const startedAt = response[STARTED] as number;
    const unfinished = socket[UNFINISHED];
    response[STARTED] = undefined;
    // Of one that was aborted.
    if (!unfinished) return;
    socket[UNFINISHED] = unfinished - 1;
    this.inFlight -= 1;
    // Node before 24 calls finished, too, what was cut off by the end of its connection.
    if (socket.destroyed) this.aborted += 1;
    else this.#count(response.req.method ?? "", response.statusCode, startedAt);
  }

  #count(method: string, status: number, startedAt: number): void {
    const seconds = (performance.now() - startedAt) / 1000;
    const found = METHODS.indexOf(method as (typeof METHODS)[number]);
    const statusClass = (status / 100) | 0;
    const index =
      (found < 0 ? OTHER : found) * CLASSES +
      (statusClass >= 1 && statusClass <= 5 ? statusClass : 5);
    let series = this.#series[index];
    if (!series) {
      series = { sum: 0, buckets: new Float64Array(REQUEST_BUCKETS.length + 1) };
      this.#series[index] = series;
    }
    let bucket = 0;
    while (bucket < REQUEST_BUCKETS.length && seconds > (REQUEST_BUCKETS[bucket] as number)) {
      bucket += 1;
    }
    series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
    series.sum += seconds;
    this.handled += 1;
  }
}

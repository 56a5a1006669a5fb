/**
 * Requests of this worker, counted and timed without any change to the app. Runs for each request: no
 * listener, closure or object is made here for one of HTTP/1.1. It begins when its server emits it and
 * ends when Node takes the socket from its response (lib/_http_server.js resOnFinish, Node 20 to 26). One
 * whose client went away is not ended by Node: that is found at the socket's end.
 */

import http from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import https from "node:https";
import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { type Distribution, METHODS, REQUEST_BUCKETS } from "../core/stats.ts";
import { connectionOf } from "./connection.ts";
import { ServerResponse } from "./http-classes.ts";

const OTHER = METHODS.length - 1;
const CLASSES = 6;
/** RST_STREAM with NO_ERROR (RFC 9113, 7): nobody broke it off. */
const NO_ERROR = 0;

/** What a server emits with a request and its response. A listener of the last two may emit the first. */
const BEGINNINGS: ReadonlySet<unknown> = new Set(["request", "checkContinue", "checkExpectation"]);

type Emit = (this: Emitter, event: unknown, ...values: unknown[]) => boolean;
interface Emitter {
  emit: Emit;
}

/** It comes with a request and its response: `began` is to hear of it. */
export function begins(event: unknown): boolean {
  return event === "request" || BEGINNINGS.has(event);
}

/** Seconds. */
class Series {
  // No integer, not even at first: see Connection.
  sum = -0;
  readonly buckets = new Float64Array(REQUEST_BUCKETS.length + 1);
}

export class Requests {
  inFlight = 0;
  aborted = 0;
  handled = 0;
  /** By method and status class. */
  readonly #series: (Series | undefined)[] = [];
  #counts = false;
  /** What our `emit`s call. */
  readonly #below = new Map<unknown, unknown>();

  /** Nothing is counted before; of a connection that is watched somebody tells the end to `ended`. */
  count(): void {
    this.#counts = true;
    // Of all servers, those that get their connections from other code included.
    this.#watch(http.Server.prototype as Emitter);
    this.#watch(https.Server.prototype as Emitter);
    this.#watchEnds();
  }

  /** The `emit` without ours, for who tells `began` by itself: one call less for each request. */
  below<Known>(emit: Known): Known {
    return (this.#below.get(emit) as Known | undefined) ?? emit;
  }

  /** A server has emitted a request of HTTP/1.1, or something of another kind. */
  began(request: unknown, response: unknown): void {
    if (!this.#counts || !(response instanceof ServerResponse)) return;
    const { socket } = request as { socket: Socket | null };
    if (!socket) return;
    const connection = connectionOf(socket);
    // The response's own request: either may come wrapped, and once more.
    if (connection.isOwn || !connection.begin(response.req)) return;
    this.inFlight += 1;
    if (connection.isWatched) return;
    connection.isWatched = true;
    socket.once("close", () => this.ended(socket));
  }

  /** A connection is gone: what it had not been answered is aborted. */
  ended(socket: Socket): void {
    const connection = connectionOf(socket);
    const { unanswered } = connection;
    connection.end();
    this.inFlight -= unanswered;
    this.aborted += unanswered;
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
    prototype.emit = function (this: Emitter, event, ...values) {
      if (begins(event)) requests.began(values[0], values[1]);
      return emit.call(this, event, ...values);
    };
    this.#below.set(prototype.emit, emit);
  }

  #watchEnds(): void {
    const { prototype } = ServerResponse;
    const { detachSocket } = prototype;
    const requests = this;
    prototype.detachSocket = function (this: ServerResponse, socket) {
      requests.#finished(this, socket);
      return detachSocket.call(this, socket);
    };
  }

  #finished(response: ServerResponse, socket: Socket | null): void {
    const startedAt = socket ? connectionOf(socket).finish(response.req) : undefined;
    // One that was not counted, or was aborted.
    if (!socket || startedAt === undefined) return;
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
    this.#series[index] ??= new Series();
    const series = this.#series[index];
    let bucket = 0;
    while (bucket < REQUEST_BUCKETS.length && seconds > (REQUEST_BUCKETS[bucket] as number)) {
      bucket += 1;
    }
    series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
    series.sum += seconds;
    this.handled += 1;
  }
}

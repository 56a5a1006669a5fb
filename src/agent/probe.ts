/**
 * Asks this worker's own HTTP server. The request is put into it as a connection (http documents that
 * any Duplex may be emitted as `connection`), so it can reach no other worker and needs no port, and
 * TLS is not in its way.
 */

import { Duplex } from "node:stream";
import type { InternalServer } from "./node-internals.ts";
import { OWN } from "./requests.ts";

const EVERY_MS = 200;
const WITHIN_MS = 5000;

/** The readiness probe of `ready: "http:/path"`: asks until the server answers; `failed` hears every other outcome. */
export function probeUntilReady(
  server: InternalServer,
  path: string,
  ready: () => void,
  failed: (result: string) => void,
): void {
  probe(server, path, WITHIN_MS, (fault) => {
    if (fault === null) return ready();
    failed(fault);
    setTimeout(() => probeUntilReady(server, path, ready, failed), EVERY_MS).unref();
  });
}

/** Asks once. `done` hears null for an answer of 2xx or 3xx within the time, else what was wrong. */
export function probe(
  server: InternalServer,
  path: string,
  withinMs: number,
  done: (fault: string | null) => void,
): void {
  // Loaded here, so that programs without a probe do not pay for it.
  const http = require("node:http") as typeof import("node:http");
  const [client, side] = duplexPair();
  const isSecure = "setSecureContext" in server;
  const request = http.get({
    path,
    headers: { host: "localhost", "user-agent": "holdfast-probe", connection: "close" },
    createConnection: () => client as never,
  });
  const late = (): void => void request.destroy(new Error(`no answer within ${withinMs} ms`));
  const timer = setTimeout(late, withinMs).unref();
  let isDone = false;
  const end = (fault: string | null): void => {
    clearTimeout(timer);
    if (!isDone) done(fault);
    isDone = true;
  };
  request.on("response", (response) => {
    response.resume();
    const status = response.statusCode ?? 0;
    end(status >= 200 && status < 400 ? null : `${path} answered ${status}`);
  });
  request.on("error", (error) => end(`${path} failed: ${error.message}`));
  server.emit(
    isSecure ? "secureConnection" : "connection",
    Object.assign(side, { encrypted: isSecure }),
  );
}

class Half extends Duplex {
  other: Half | null = null;
  #pull: (() => void) | null = null;
  #isFinished = false;
  readonly remoteAddress = "127.0.0.1";
  /** Not a request of anybody's. */
  readonly [OWN] = true;

  override _read(): void {
    this.#pull?.();
    this.#pull = null;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const { other } = this;
    if (!other || other.destroyed || other.push(chunk)) done();
    else other.#pull = done;
  }

  override _final(done: () => void): void {
    this.other?.finish();
    done();
  }

  /** Whoever is left hears of an end, and is not waited for. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#pull?.();
    this.#pull = null;
    this.other?.finish();
    done(error);
  }

  /** The other side has said all. */
  finish(): void {
    if (this.#isFinished || this.destroyed) return;
    this.#isFinished = true;
    this.push(null);
  }

  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
}

function duplexPair(): readonly [Duplex, Duplex] {
  const client = new Half();
  const server = new Half();
  // One that is given up must not stay with the server.
  client.once("close", () => server.destroy());
  client.other = server;
  server.other = client;
  return [client, server];
}

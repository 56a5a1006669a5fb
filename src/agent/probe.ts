/**
 * The readiness probe of `ready: "http:/path"`. The request is put into this worker's own server as
 * a connection (http documents that any Duplex may be emitted as `connection`), so it can reach no
 * other worker and needs no port, and TLS is not in its way.
 */

import { Duplex } from "node:stream";
import type { InternalServer } from "./node-internals.ts";

const EVERY_MS = 200;
const WITHIN_MS = 5000;

/** Asks until the server answers 2xx or 3xx; `failed` hears every other outcome. */
export function probeUntilReady(
  server: InternalServer,
  path: string,
  ready: () => void,
  failed: (result: string) => void,
): void {
  const again = (result: string): void => {
    failed(result);
    setTimeout(() => probeUntilReady(server, path, ready, failed), EVERY_MS).unref();
  };
  // Loaded here, so that programs without a probe do not pay for it.
  const http = require("node:http") as typeof import("node:http");
  const [client, side] = duplexPair();
  const isSecure = "setSecureContext" in server;
  const request = http.get({
    path,
    headers: { host: "localhost", "user-agent": "holdfast-probe", connection: "close" },
    createConnection: () => client as never,
    timeout: WITHIN_MS,
  });
  request.on("response", (response) => {
    response.resume();
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 400) ready();
    else again(`${path} answered ${status}`);
  });
  request.on("timeout", () => request.destroy(new Error(`no answer within ${WITHIN_MS} ms`)));
  request.on("error", (error) => again(`${path} failed: ${error.message}`));
  server.emit(
    isSecure ? "secureConnection" : "connection",
    Object.assign(side, { encrypted: isSecure }),
  );
}

class Half extends Duplex {
  other: Half | null = null;
  #pull: (() => void) | null = null;
  readonly remoteAddress = "127.0.0.1";

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
    this.other?.push(null);
    done();
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
  client.other = server;
  server.other = client;
  return [client, server];
}

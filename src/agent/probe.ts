/**
 * Asks this worker's own HTTP server. The request is put into it as a connection, so it can reach no other
 * worker, and TLS is not in its way.
 */

import type { Socket } from "node:net";
import type { InternalServer } from "./node-internals.ts";
import { connectToSelf } from "./own-connection.ts";

const EVERY_MS = 200;
const WITHIN_MS = 5000;
const HEADERS = "Host: localhost\r\nUser-Agent: holdfast-probe\r\nConnection: close\r\n";
const HEAD_MAX = 64 * 1024;

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
  let socket: Socket | null = null;
  let isDone = false;
  const end = (fault: string | null): void => {
    clearTimeout(timer);
    if (!isDone) done(fault);
    isDone = true;
  };
  const late = (): void => {
    socket?.destroy();
    end(`${path} failed: no answer within ${withinMs} ms`);
  };
  const timer = setTimeout(late, withinMs).unref();
  connectToSelf((error, client, side) => {
    if (error || !client || !side) return end(`${path} failed: ${error?.message}`);
    if (isDone) return void client.destroy();
    socket = client;
    hearStatus(client, (status) =>
      end(status >= 200 && status < 400 ? null : `${path} answered ${status}`),
    );
    client.once("error", ({ message }) => end(`${path} failed: ${message}`));
    client.once("close", () => end(`${path} failed: socket hang up`));
    client.write(`GET ${path} HTTP/1.1\r\n${HEADERS}\r\n`);
    admit(server, side);
  });
}

/**
 * The status of the final response; what follows is read and dropped. By hand: a first request by http's client
 * makes its server a tenth slower in this process, for they share code that V8 compiles for what it has met.
 */
function hearStatus(client: Socket, heard: (status: number) => void): void {
  let text = "";
  const read = (bytes: Buffer): void => {
    text += bytes.toString("latin1");
    // Informational responses (RFC 9110, 15.2) come before it, each with an empty line behind it.
    text = text.replace(/^(?:HTTP\/1\.1 1\d\d[\s\S]*?\r\n\r\n)+/, "");
    const status = /^HTTP\/1\.[01] ([2-9]\d\d)/.exec(text)?.[1];
    if (status === undefined && text.length < HEAD_MAX) return;
    client.removeListener("data", read);
    client.resume();
    heard(Number(status ?? 0));
  };
  client.on("data", read);
}

/** The server gets it as if it had accepted it, past any TLS. */
function admit(server: InternalServer, side: Socket): void {
  if (!("setSecureContext" in server)) return void server.emit("connection", side);
  server.emit("secureConnection", Object.assign(side, { encrypted: true }));
}

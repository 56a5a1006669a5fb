/** A request's words as its client sent them. */

import type { IncomingMessage } from "node:http";

/** So much fits into one piece of a UNIX socket, and into one read: who has it has seen all of it or nothing. */
const WHOLE_BYTES = 16 * 1024;
const COOKIE = "cookie";

/** The head: case, order and repetitions of its headers kept. */
export function headOf(request: IncomingMessage): string {
  const { method, url, httpVersion, rawHeaders } = request;
  return `${method} ${url} HTTP/${httpVersion}\r\n${linesOf(rawHeaders)}\r\n`;
}

export function linesOf(raw: readonly string[]): string {
  let lines = "";
  for (let at = 0; at + 1 < raw.length; at += 2) lines += `${raw[at]}: ${raw[at + 1]}\r\n`;
  return lines;
}

/**
 * Head and body of a small request that is here already; null: it is none. Its body stays in the request, for the
 * app here should its worker be gone.
 */
export function wholeOf(request: IncomingMessage): Buffer | null {
  const bytes = Number(request.headers["content-length"]);
  if (!(bytes > 0) || request.headers.expect || request.headers["transfer-encoding"]) return null;
  if (!request.complete || request.readableLength !== bytes) return null;
  const head = Buffer.from(headOf(request), "latin1");
  if (head.length + bytes > WHOLE_BYTES) return null;
  // To read just what is there does not end the stream (lib/internal/streams/readable.js, Node 20 to 26).
  const body: Buffer = request.read(bytes);
  request.unshift(body);
  return Buffer.concat([head, body]);
}

/** The Cookie header as it came, without reading the others; undefined: there is none, or more than one. */
export function onlyCookie(raw: readonly string[]): string | undefined {
  let found: string | undefined;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string;
    if (name.length !== COOKIE.length || name.toLowerCase() !== COOKIE) continue;
    if (found !== undefined) return undefined;
    found = raw[at + 1];
  }
  return found;
}

/** Tells a client whose its session is: a cookie in the response, however the app writes it. */

import { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { NamedSticky } from "../../core/sticky.ts";
import { withLine } from "./response-reader.ts";

const NAME = "Set-Cookie";
/** A response that others may get, too, says nothing of a session (RFC 9111, 5.2.2). */
const SHARED_LINE = /\r\ncache-control:[^\r]*\b(?:public|s-maxage)\b/i;
const SWITCHING = "HTTP/1.1 101";
/** What heads are to say. Beside the responses, so that V8 sees no second kind of them. */
const cookies = new WeakMap<ServerResponse, string>();

/** A response at the moment its head is put together (lib/_http_outgoing.js, Node 20 to 26). */
type HeadedResponse = ServerResponse & {
  _header: string | null;
  _storeHeader(firstLine: string, headers: unknown): void;
};

/** The value of Set-Cookie (RFC 6265, 4.1). */
export function cookieFor(tag: string, cookie: NamedSticky["cookie"], isSecure: boolean): string {
  const { name, path, domain, sameSite, secure, maxAgeSeconds } = cookie;
  const parts = [`${name}=${tag}`, `Path=${path}`, "HttpOnly", `SameSite=${sameSite}`];
  if (domain !== null) parts.push(`Domain=${domain}`);
  if (maxAgeSeconds !== null) parts.push(`Max-Age=${maxAgeSeconds}`);
  // A browser drops SameSite=None without it.
  if (secure === true || sameSite === "None" || (secure === "auto" && isSecure)) {
    parts.push("Secure");
  }
  return parts.join("; ");
}

/**
 * From now on heads get what `issue` has given their responses. Added to their text: whatever way an app sets and
 * writes headers, this is where it ends, and neither the response nor its headers change for it.
 */
export function watchHeads(): void {
  const prototype = ServerResponse.prototype as HeadedResponse;
  const { _storeHeader } = prototype;
  prototype._storeHeader = function (this: HeadedResponse, firstLine, headers) {
    _storeHeader.call(this, firstLine, headers);
    const value = cookies.get(this);
    if (value === undefined || this._header === null) return;
    cookies.delete(this);
    const line = lineFor(this._header, value);
    if (line !== null) this._header = withLine(this._header, line);
  };
}

/** Adds it to the response's head when that is written. */
export function issue(response: ServerResponse, value: string): void {
  cookies.set(response, value);
}

/** The line for a head that comes from elsewhere; null: others may get that response, too. */
export function lineFor(head: string, value: string): string | null {
  return SHARED_LINE.test(head) ? null : `${NAME}: ${value}`;
}

/** The same for the answer to an upgrade, which its library writes as text: the first thing it writes. */
export function issueOnUpgrade(socket: Duplex, value: string): void {
  const original = socket.write;
  socket.write = function (this: Duplex, chunk: unknown, ...rest: unknown[]) {
    this.write = original;
    return Reflect.apply(original, this, [withUpgradeCookie(chunk, value), ...rest]);
  } as typeof socket.write;
}

function withUpgradeCookie(chunk: unknown, value: string): unknown {
  const text =
    typeof chunk === "string" ? chunk : Buffer.isBuffer(chunk) ? chunk.toString("latin1") : "";
  const end = text.indexOf("\r\n");
  if (!text.startsWith(SWITCHING) || end < 0) return chunk;
  const told = `${text.slice(0, end)}\r\n${NAME}: ${value}${text.slice(end)}`;
  return typeof chunk === "string" ? told : Buffer.from(told, "latin1");
}

/** Tells a client whose its session is: a cookie in the response, however the app writes it. */

import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { StickyCookie } from "../../core/sticky.ts";

const NAME = "Set-Cookie";
/** A response that others may get, too, says nothing of a session (RFC 9111, 5.2.2). */
const SHARED = /\b(?:public|s-maxage)\b/i;
const SHARED_LINE = /\r\ncache-control:[^\r]*\b(?:public|s-maxage)\b/i;
const SWITCHING = "HTTP/1.1 101";
/** On a response: it gets one already. */
const ISSUED = Symbol("holdfast.issued");

type Headers = Record<string, unknown> | readonly unknown[] | undefined;
type WriteHead = (this: ServerResponse, ...values: unknown[]) => ServerResponse;
type IssuedResponse = ServerResponse & { [ISSUED]?: boolean };

/** The value of Set-Cookie (RFC 6265, 4.1). */
export function cookieFor(tag: string, cookie: StickyCookie, isSecure: boolean): string {
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

/** Adds it when the head is written. The app may set cookies of its own, and write its head in any way. */
export function issue(response: IssuedResponse, value: string): void {
  if (response[ISSUED]) return;
  response[ISSUED] = true;
  const original = response.writeHead as unknown as WriteHead;
  let isDone = false;
  const writeHead: WriteHead = function (status, ...values) {
    if (isDone || this.headersSent || Number(status) < 200) {
      return Reflect.apply(original, this, [status, ...values]);
    }
    isDone = true;
    const [reason] = values;
    const at = typeof reason === "string" || reason === undefined ? 1 : 0;
    const headers = values[at] as Headers;
    if (isShared(this, headers)) return Reflect.apply(original, this, [status, ...values]);
    values[at] = withCookie(this, headers, value);
    return Reflect.apply(original, this, [status, ...values]);
  };
  response.writeHead = writeHead as unknown as ServerResponse["writeHead"];
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

/** Headers as `writeHead` takes them: none, an object, a flat list or a list of pairs. */
function withCookie(response: ServerResponse, headers: Headers, value: string): Headers {
  if (Array.isArray(headers)) {
    return [...headers, ...(Array.isArray(headers[0]) ? [[NAME, value]] : [NAME, value])];
  }
  const given = headers as Record<string, unknown> | undefined;
  const own = given && Object.keys(given).find((name) => name.toLowerCase() === "set-cookie");
  // What writeHead is given replaces what was set before.
  if (given && own) return { ...given, [own]: [given[own] ?? [], value].flat() };
  response.appendHeader(NAME, value);
  return headers;
}

function isShared(response: ServerResponse, headers: Headers): boolean {
  const set = response.getHeader("cache-control");
  if (set !== undefined && SHARED.test(String(set))) return true;
  if (!headers) return false;
  const list: readonly unknown[] = Array.isArray(headers) ? headers.flat() : [];
  const pairs = Array.isArray(headers)
    ? list.map((name, at) => [String(name), list[at + 1]] as const).filter((_, at) => at % 2 === 0)
    : Object.entries(headers);
  return pairs.some(
    ([name, text]) => name.toLowerCase() === "cache-control" && SHARED.test(String(text)),
  );
}

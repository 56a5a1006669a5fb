/** Where a supervisor's bus is: addresses as a person writes them. */

import { isAbsolute } from "node:path";
import { invalid } from "./options.ts";

/** Longest path a UNIX socket may have, on the strictest system. */
const LONGEST_SOCKET_PATH = 103;
const MOST_ADDRESSES = 100;

export type Place =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tls"; readonly host: string; readonly port: number };

/** One or more, all of one kind. Throws HF_BUS_OPTION_INVALID. */
export function readPlaces(given: unknown): readonly Place[] {
  const urls: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (urls.length === 0 || urls.length > MOST_ADDRESSES) {
    throw wrong(`received ${urls.length} addresses, expected 1 to ${MOST_ADDRESSES}`);
  }
  const places = urls.map(placeOf);
  const kinds = new Set(places.map(({ kind }) => kind));
  if (kinds.size > 1) throw wrong('addresses of one call are all "unix:" or all "tls://"');
  const known = new Set(places.map((place) => JSON.stringify(place)));
  if (known.size < places.length) throw wrong("an address is named twice");
  return places;
}

function placeOf(url: unknown): Place {
  if (typeof url === "string" && url.startsWith("tls:")) return tlsPlace(url);
  const path = typeof url === "string" ? url.replace(/^unix:(?:\/\/(?=\/))?/, "") : "";
  if (!isAbsolute(path)) {
    const expected = 'expected "unix:" and the absolute path of a socket, or "tls://host:port"';
    throw wrong(`received ${JSON.stringify(url)}, ${expected}`);
  }
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
    const bytes = Buffer.byteLength(path);
    throw wrong(`a socket's path has at most ${LONGEST_SOCKET_PATH} bytes, not ${bytes}`);
  }
  return { kind: "unix", path };
}

function tlsPlace(url: string): Place {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const { hostname = "", port = "", pathname = "" } = parsed ?? {};
  // Anything else has no meaning here, a secret least of all.
  const rest = [parsed?.username, parsed?.password, parsed?.search, parsed?.hash].join("");
  if (hostname === "" || !(Number(port) > 0) || !["", "/"].includes(pathname) || rest !== "") {
    throw wrong('it is no address of the form "tls://host:port"');
  }
  return { kind: "tls", host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
}

function wrong(said: string): Error {
  return invalid("connect()", "url", said);
}

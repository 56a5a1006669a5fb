/** What becomes of a request to the admin server, before anything is done for it. Pure but for the hash. */

import { createHash, timingSafeEqual } from "node:crypto";
import { isLoopback } from "../config/admin.ts";

export type Route = "metrics" | "healthz" | "readyz";

/** What is looked at of a request. */
export interface Asked {
  readonly method: string;
  /** With its query, which says nothing here. */
  readonly url: string;
  readonly httpVersion: string;
  readonly host: string | undefined;
  readonly authorization: string | undefined;
}

export interface Guard {
  /** Where the server listens. */
  readonly host: string;
  /** What a client must know for anything but probes; null: nothing. */
  readonly token: string | null;
}

export interface Refusal {
  readonly status: 401 | 404 | 405 | 421;
  readonly headers: Readonly<Record<string, string>>;
  /** A sentence. */
  readonly why: string;
}

const ROUTES: ReadonlyMap<string, Route> = new Map([
  ["/metrics", "metrics"],
  ["/healthz", "healthz"],
  ["/readyz", "readyz"],
]);
/** Orchestrators and load balancers send no token, and learn nothing that is worth one. */
const OPEN: readonly Route[] = ["healthz", "readyz"];

/** The route to serve, or why not. */
export function judge(asked: Asked, guard: Guard): Route | Refusal {
  if (isLoopback(guard.host) && !isMeant(asked, guard.host)) {
    return refusal(421, "This server answers to names of this machine only.");
  }
  if (asked.method !== "GET" && asked.method !== "HEAD") {
    return refusal(405, "Only GET and HEAD are answered.", { Allow: "GET, HEAD" });
  }
  const route = ROUTES.get(asked.url.replace(/[?#].*$/s, ""));
  if (route === undefined) {
    return refusal(404, `There is ${[...ROUTES.keys()].join(", ")}, and nothing else.`);
  }
  if (OPEN.includes(route) || guard.token === null || knows(asked.authorization, guard.token)) {
    return route;
  }
  const challenge = { "WWW-Authenticate": 'Bearer realm="holdfast"' };
  return refusal(401, "A token is needed: Authorization: Bearer <token>.", challenge);
}

/**
 * Against DNS rebinding: a page whose name was made to mean 127.0.0.1 asks under that name. Browsers always
 * name a host; health checks of load balancers speak HTTP/1.0 and may not.
 */
function isMeant({ host, httpVersion }: Asked, bound: string): boolean {
  if (host === undefined) return httpVersion === "1.0";
  const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
  const own = bound.includes(":") ? `[${bound}]` : bound;
  return ["localhost", "127.0.0.1", "[::1]", own.toLowerCase()].includes(name);
}

/** Both sides are hashed: what is compared is of one length, and takes one time. */
function knows(authorization: string | undefined, token: string): boolean {
  const [, given] = /^Bearer +(\S+) *$/i.exec(authorization ?? "") ?? [];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function refusal(
  status: Refusal["status"],
  why: string,
  headers: Refusal["headers"] = {},
): Refusal {
  return { status, headers, why };
}

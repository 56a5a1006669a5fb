/** How a session finds its worker again, once read. */

/** What names a session: what the client was given, what it sends by itself, or where it comes from. */
export type StickyBy = "socket.io" | "cookie" | "ip" | `header:${string}` | `query:${string}`;

/** `kernel`: whoever accepts it; `least-loaded`: who has the fewest sessions and the idlest event loop. */
export type Placement = "kernel" | "least-loaded";

/** The cookie that names a session's worker (RFC 6265). HttpOnly always. */
export interface StickyCookie {
  /** Null: {@link cookieNameOf} the app. */
  readonly name: string | null;
  readonly path: string;
  readonly domain: string | null;
  readonly sameSite: "Lax" | "Strict" | "None";
  /** `auto`: over TLS, here or at a trusted proxy. */
  readonly secure: "auto" | boolean;
  /** Seconds; null: until the browser is closed. */
  readonly maxAgeSeconds: number | null;
}

/** How a session finds its worker again. */
export interface Sticky {
  /** The first one that a request has decides. At least one. */
  readonly by: readonly StickyBy[];
  readonly cookie: StickyCookie;
  /** Addresses and networks (CIDR) whose X-Forwarded-For and X-Forwarded-Proto are believed. */
  readonly trustProxy: readonly string[];
  /** Where a client without a session goes. */
  readonly placement: Placement;
}

/** The same for one app, whose cookie has a name. */
export interface NamedSticky extends Sticky {
  readonly cookie: StickyCookie & { readonly name: string };
}

/**
 * What an app's cookie is called that was given no name. Cookies know no port (RFC 6265, 8.5): under one name all
 * the apps of a host would write over each other's.
 */
export function cookieNameOf(app: string): string {
  return `holdfast-${app}`;
}

/** What the app's workers are told. */
export function named(sticky: Sticky, app: string): NamedSticky {
  const { cookie } = sticky;
  return { ...sticky, cookie: { ...cookie, name: cookie.name ?? cookieNameOf(app) } };
}

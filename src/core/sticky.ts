/** How a session finds its worker again, once read. Types only. */

/** What names a session: what the client was given, what it sends by itself, or where it comes from. */
export type StickyBy = "socket.io" | "cookie" | "ip" | `header:${string}` | `query:${string}`;

/** `kernel`: whoever accepts it; `least-loaded`: who has the fewest sessions and the idlest event loop. */
export type Placement = "kernel" | "least-loaded";

/** The cookie that names a session's worker (RFC 6265). HttpOnly always. */
export interface StickyCookie {
  readonly name: string;
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

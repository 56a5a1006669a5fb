/** Reads how a session finds its worker again. Pure. */

import type { Placement, Sticky, StickyBy } from "./app.ts";
import { accept, choice, fault, type Kind, type Reading, refuse } from "./kinds.ts";
import { listOf } from "./lists.ts";
import { networksKind } from "./networks.ts";
import { type Parts, readParts } from "./parts.ts";
import { contentsOf } from "./received.ts";
import { stickyByKind } from "./sticky-by.ts";
import { COOKIE_DEFAULTS, COOKIE_TEXT, stickyCookieKind } from "./sticky-cookie.ts";

/** Of `true`, and of what an object leaves out. */
export const STICKY_DEFAULTS: Sticky = {
  by: ["socket.io", "cookie"],
  cookie: COOKIE_DEFAULTS,
  trustProxy: [],
  placement: "kernel",
};

const EXPECTED = `true, which is by "socket.io" and "cookie"; ${stickyByKind.expected}; or an object with by, cookie, trustProxy and placement; false or null for none`;
const DEFAULTS = `{ "by": ["socket.io", "cookie"], "cookie": ${COOKIE_TEXT}, "trustProxy": [], "placement": "kernel" }`;
/** For the documentation: everything that may be written. */
const WHOLE = `${EXPECTED}. What an object leaves out is as in ${DEFAULTS}; a cookie without a name is called "holdfast-" and the app's name, maxAge may be a duration, sameSite "Strict" or "None", secure true or false, placement "least-loaded", and trustProxy ${networksKind.expected}, or a list of them`;

const networks = listOf(networksKind, "addresses and networks");
/** A word stands for several networks. */
const trustProxyKind: Kind<readonly string[]> = {
  type: networks.type,
  expected: networks.expected,
  read: (value) => {
    const reading = networks.read(value);
    return reading.ok ? accept([...new Set(reading.value.flat())]) : reading;
  },
  show: (value) => value.join(" "),
  schema: networks.schema,
};
const placementKind = choice<Placement>("kernel", "least-loaded");

const PARTS: Parts<Sticky> = new Map<string, readonly [keyof Sticky, Kind<unknown>]>([
  ["by", ["by", stickyByKind]],
  ["cookie", ["cookie", stickyCookieKind]],
  ["trustProxy", ["trustProxy", trustProxyKind]],
  ["placement", ["placement", placementKind]],
]);

export const stickyKind: Kind<Sticky | null> = {
  type: "sticky routing",
  expected: WHOLE,
  read: (value) => {
    if (value === null || value === false || value === "false") return accept(null);
    if (value === true || value === "true") return accept(STICKY_DEFAULTS);
    const contents = contentsOf(value);
    if (contents.type === "unusable") return fault(`${contents.why}; expected ${EXPECTED}`);
    if (contents.type === "record") return readSticky(readParts(contents.entries, PARTS));
    if (contents.type === "plain" && typeof value !== "string") return refuse(value, EXPECTED);
    const by = stickyByKind.read(value);
    return by.ok ? accept({ ...STICKY_DEFAULTS, by: by.value }) : by;
  },
  show: (value) => (value === null ? "none" : showSticky(value)),
  write: (value) => value && { ...value, cookie: stickyCookieKind.write?.(value.cookie) },
  schema: {
    anyOf: [
      { type: ["boolean", "null"] },
      ...(stickyByKind.schema.anyOf as readonly unknown[]),
      {
        type: "object",
        properties: Object.fromEntries([...PARTS].map(([name, [, kind]]) => [name, kind.schema])),
        additionalProperties: false,
      },
    ],
  },
};

function readSticky(parts: Reading<Partial<Sticky>>): Reading<Sticky> {
  if (!parts.ok) return parts;
  const sticky = { ...STICKY_DEFAULTS, ...parts.value };
  // A hash has chosen the worker already; only these remember another choice.
  const remembers: readonly StickyBy[] = ["socket.io", "cookie"];
  if (sticky.placement === "kernel" || sticky.by.some((by) => remembers.includes(by))) {
    return accept(sticky);
  }
  const message =
    'is "least-loaded", which needs "cookie" or "socket.io" in by: a client that was placed must be found again';
  return fault(message, ".placement");
}

/** "socket.io, cookie", and what else is not as usual. */
function showSticky({ by, cookie, trustProxy, placement }: Sticky): string {
  const details = stickyCookieKind.show(cookie);
  const more = [
    placement === STICKY_DEFAULTS.placement ? [] : [placement],
    details === "" ? [] : [`cookie ${details}`],
    trustProxy.length === 0 ? [] : [`trusts ${trustProxyKind.show(trustProxy)}`],
  ].flat();
  return [stickyByKind.show(by), ...more].join("; ");
}

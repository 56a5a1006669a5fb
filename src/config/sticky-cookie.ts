/** Reads the cookie that names a session's worker. Pure. */

import type { Fault } from "../errors.ts";
import type { StickyCookie } from "./app.ts";
import {
  accept,
  choice,
  duration,
  fault,
  type Kind,
  optional,
  pattern,
  type Reading,
  refuse,
} from "./kinds.ts";
import { type Parts, readParts } from "./parts.ts";
import { contentsOf } from "./received.ts";

export const COOKIE_DEFAULTS: StickyCookie = {
  name: null,
  path: "/",
  domain: null,
  sameSite: "Lax",
  secure: "auto",
  maxAgeSeconds: null,
};

/** The defaults as a person would write them. */
export const COOKIE_TEXT =
  '{ "name": null, "path": "/", "domain": null, "sameSite": "Lax", "secure": "auto", "maxAge": null }';
const EXPECTED = `an object such as ${COOKIE_TEXT}, which are the defaults`;
/** What browsers cut a longer life to: 400 days. */
const LONGEST_LIFE_MS = 400 * 24 * 3_600_000;

/** A token of RFC 6265. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
/** Printable ASCII without ";", which ends it. */
const PATH = /^\/[\x21-\x3a\x3c-\x7e]{0,1023}$/;
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const DOMAIN = new RegExp(`^(?=.{1,254}$)\\.?${LABEL}(?:\\.${LABEL})*$`);

/** Null: `holdfast-` and the app's name. */
const nameKind = optional(pattern("token", NAME, "1 to 100 letters, digits or of !#$%&'*+-.^_`|~"));
const domainText = pattern("domain", DOMAIN, 'a domain such as "example.com"');
/** A dot before it has no meaning since RFC 6265. */
const domainKind: Kind<string | null> = optional({
  ...domainText,
  read: (value) => {
    const reading = domainText.read(value);
    return reading.ok ? accept(reading.value.replace(/^\./, "").toLowerCase()) : reading;
  },
});
const secureKind: Kind<StickyCookie["secure"]> = {
  type: "choice",
  expected: 'true, false or "auto" (over TLS only)',
  read: (value) =>
    value === "auto" || typeof value === "boolean"
      ? accept(value)
      : refuse(value, 'true, false or "auto"'),
  show: String,
  schema: { enum: [true, false, "auto"] },
};
const life = optional(duration(1000, LONGEST_LIFE_MS));
/** Cookies know seconds only. */
const maxAgeKind: Kind<number | null> = {
  ...life,
  read: (value) => {
    const reading = life.read(value);
    const isLife = reading.ok && reading.value !== null;
    return isLife ? accept(Math.round(Number(reading.value) / 1000)) : reading;
  },
};

const PARTS: Parts<StickyCookie> = new Map<string, readonly [keyof StickyCookie, Kind<unknown>]>([
  ["name", ["name", nameKind]],
  ["path", ["path", pattern("path", PATH, 'a path that begins with "/", without blanks and ";"')]],
  ["domain", ["domain", domainKind]],
  ["sameSite", ["sameSite", choice("Lax", "Strict", "None")]],
  ["secure", ["secure", secureKind]],
  ["maxAge", ["maxAgeSeconds", maxAgeKind]],
]);

export const stickyCookieKind: Kind<StickyCookie> = {
  type: "cookie",
  expected: EXPECTED,
  read: (value) => {
    const contents = contentsOf(value);
    if (contents.type === "unusable") return fault(`${contents.why}; expected ${EXPECTED}`);
    if (contents.type !== "record") return refuse(value, EXPECTED);
    const parts = readParts(contents.entries, PARTS);
    return parts.ok ? whole({ ...COOKIE_DEFAULTS, ...parts.value }) : parts;
  },
  show: (value) => shownParts(value).join(", "),
  write: ({ maxAgeSeconds, ...cookie }) => ({
    ...cookie,
    maxAge: maxAgeSeconds === null ? null : maxAgeSeconds * 1000,
  }),
  schema: {
    type: "object",
    properties: Object.fromEntries([...PARTS].map(([name, [, kind]]) => [name, kind.schema])),
    additionalProperties: false,
  },
};

/** What is not as usual: `name=sid`. */
function shownParts(cookie: StickyCookie): readonly string[] {
  return Object.entries(cookie)
    .filter(([key, value]) => value !== COOKIE_DEFAULTS[key as keyof StickyCookie])
    .map(([key, value]) => `${key}=${value}`);
}

/** What browsers would refuse without a word. */
function whole(cookie: StickyCookie): Reading<StickyCookie> {
  const faults: Fault[] = [];
  const name = cookie.name ?? "";
  const isHost = /^__host-/i.test(name);
  const wants = (part: string, expected: string, why: string): void => {
    faults.push({ path: `.${part}`, message: `must be ${expected}, because ${why}` });
  };
  if (isHost || /^__secure-/i.test(name)) {
    const why = `browsers refuse a cookie named ${name} without it`;
    if (cookie.secure !== true) wants("secure", "true", why);
    if (isHost && cookie.path !== "/") wants("path", '"/"', why);
    if (isHost && cookie.domain !== null) wants("domain", "left out", why);
  } else if (cookie.sameSite === "None" && cookie.secure === false) {
    wants("secure", 'true or "auto"', "browsers refuse SameSite=None without Secure");
  }
  return faults.length > 0 ? { ok: false, faults } : accept(cookie);
}

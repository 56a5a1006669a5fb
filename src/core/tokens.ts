/**
 * What a request says about its session, read from its raw text. Pure; runs for each request, so nothing is split
 * or compiled, and no text, however hostile, is read more than a few times.
 */

/** Characters of a worker's tag. */
const TAG_LENGTH = 4;
const SID_MAX = 512;
/** Of a value that is hashed, in characters: the rest of a longer one does not count. */
const VALUE_MAX = 512;

const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const AMPERSAND = 0x26;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;

/** Whether it is four characters of base64url. */
export function isTag(text: string): boolean {
  return text.length === TAG_LENGTH && isTagAt(text, 0);
}

/**
 * The tag in the cookie `name` of a raw Cookie header: four characters of base64url and nothing else, quoted or not.
 * The first cookie of that name with such a value counts. Null without one.
 */
export function cookieTag(header: string | undefined, name: string): string | null {
  if (header === undefined || name === "") return null;
  for (let at = header.indexOf(name); at >= 0; at = header.indexOf(name, at + 1)) {
    const equals = at + name.length;
    if (header.charCodeAt(equals) !== EQUALS || !isCookieStart(header, at)) continue;
    const tag = valueTag(header, equals + 1);
    if (tag !== null) return tag;
  }
  return null;
}

/**
 * The tag an engine.io session id begins with, from a request's URL: the query's `sid`, where it has `EIO`, too.
 * Null where there is none, where four characters of base64url are all it is or not its beginning, and beyond 512:
 * what an app's own `generateId` has made stands behind the tag, in any characters.
 */
export function sidTag(url: string): string | null {
  const from = queryStart(url);
  if (from < 0) return null;
  const to = queryEnd(url, from);
  const start = parameterAt(url, "sid", from, to);
  if (start < 0 || parameterAt(url, "EIO", from, to) < 0) return null;
  const length = valueEnd(url, start, to) - start;
  if (length <= TAG_LENGTH || length > SID_MAX || !isTagAt(url, start)) return null;
  return url.slice(start, start + TAG_LENGTH);
}

/** Whether a request's URL asks for a session of engine.io's: its query has `EIO`, and no `sid` or an empty one. */
export function asksForSid(url: string): boolean {
  const from = queryStart(url);
  if (from < 0) return false;
  const to = queryEnd(url, from);
  if (parameterAt(url, "EIO", from, to) < 0) return false;
  const start = parameterAt(url, "sid", from, to);
  return start < 0 || valueEnd(url, start, to) === start;
}

/**
 * The first value of a query's parameter, decoded; what cannot be decoded counts as it stands. At most 512
 * characters of it. Null where there is none, or an empty one.
 */
export function queryValue(url: string, name: string): string | null {
  const from = queryStart(url);
  if (from < 0 || name === "") return null;
  const to = queryEnd(url, from);
  const start = parameterAt(url, name, from, to);
  if (start < 0) return null;
  const end = valueEnd(url, start, to);
  return end === start ? null : decoded(url.slice(start, Math.min(end, start + VALUE_MAX)));
}

/** A header's value, at most 512 characters of it; null where it has none, or not one text. */
export function headerValue(value: unknown): string | null {
  if (typeof value !== "string" || value === "") return null;
  return value.length > VALUE_MAX ? value.slice(0, VALUE_MAX) : value;
}

/** Behind the `?`; -1 without a query. A `?` in the fragment is none. */
function queryStart(url: string): number {
  const mark = url.indexOf("?");
  if (mark < 0) return -1;
  const fragment = url.indexOf("#");
  return fragment >= 0 && fragment < mark ? -1 : mark + 1;
}

function queryEnd(url: string, from: number): number {
  const fragment = url.indexOf("#", from);
  return fragment < 0 ? url.length : fragment;
}

/** Where the value of the first `name=` begins that stands at the start of the query or behind an `&`; -1 without. */
function parameterAt(url: string, name: string, from: number, to: number): number {
  for (let at = url.indexOf(name, from); at >= 0; at = url.indexOf(name, at + 1)) {
    const equals = at + name.length;
    if (equals >= to) return -1;
    const isStart = at === from || url.charCodeAt(at - 1) === AMPERSAND;
    if (isStart && url.charCodeAt(equals) === EQUALS) return equals + 1;
  }
  return -1;
}

function valueEnd(url: string, start: number, to: number): number {
  const next = url.indexOf("&", start);
  return next < 0 || next > to ? to : next;
}

function decoded(raw: string): string {
  const text = raw.includes("+") ? raw.replaceAll("+", " ") : raw;
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // Malformed, or cut within an escape: any text will do to tell sessions apart, if it is always the same.
    return raw;
  }
}

/** Whether only blanks stand between `at` and the `;` or the header's start before it. */
function isCookieStart(header: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && isBlank(header.charCodeAt(before))) before -= 1;
  return before < 0 || header.charCodeAt(before) === SEMICOLON;
}

/** The tag that is a cookie's whole value, which begins at `from`. */
function valueTag(header: string, from: number): string | null {
  const isQuoted = header.charCodeAt(from) === QUOTE;
  const start = isQuoted ? from + 1 : from;
  if (!isTagAt(header, start)) return null;
  let end = start + TAG_LENGTH;
  if (isQuoted) {
    if (header.charCodeAt(end) !== QUOTE) return null;
    end += 1;
  }
  while (end < header.length && isBlank(header.charCodeAt(end))) end += 1;
  if (end < header.length && header.charCodeAt(end) !== SEMICOLON) return null;
  return header.slice(start, start + TAG_LENGTH);
}

function isTagAt(text: string, at: number): boolean {
  for (let index = at; index < at + TAG_LENGTH; index += 1) {
    if (!isBase64Url(text.charCodeAt(index))) return false;
  }
  return true;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Behind the end of a text the code is NaN, which is none. */
function isBase64Url(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x5f
  );
}

/** Reads what names a session: one, a list, or a text with commas. Pure. */

import type { Fault } from "../errors.ts";
import type { StickyBy } from "./app.ts";
import { accept, fault, type Kind, type Reading, refuse } from "./kinds.ts";
import { contentsOf, quote, received } from "./received.ts";

const ONE = '"socket.io", "cookie", "ip", "header:NAME" or "query:NAME"';
const EXPECTED = `${ONE}, a list of them, or some of them separated by commas`;
/** Each costs a look at every request. */
const MOST = 16;
const LONGEST_TEXT = 4000;

/** A token of RFC 9110. */
const HEADER = /^header:([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})$/;
/** Printable, and none of the characters that part or encode a query. */
const QUERY = /^query:[!$'()*./0-9:;<>?@A-Z[\\\]^_`a-z{|}~-]{1,100}$/;
const PLAIN: readonly string[] = ["socket.io", "cookie", "ip"];

/** What begins like a value of `--sticky`; a word that does not is the script behind it. */
export const STICKY_VALUE =
  /^(?:true|false)$|(?:^|,)\s*(?:(?:socket\.io|cookie|ip)\s*(?:,|$)|header:|query:)/;

/** In order and without repetitions; names of headers in lower case. At least one. */
export const stickyByKind: Kind<readonly StickyBy[]> = {
  type: "what names a session",
  expected: EXPECTED,
  read: (value) => {
    const contents = contentsOf(value);
    if (contents.type === "unusable") return fault(`${contents.why}; expected ${EXPECTED}`);
    if (contents.type === "list") return readList(contents.items, (index) => `[${index}]`);
    if (typeof value !== "string" || value.length > LONGEST_TEXT) return refuse(value, EXPECTED);
    const parts = value.split(",").map((part) => part.trim());
    return parts.length === 1 ? single(value.trim()) : readList(parts, () => "");
  },
  show: (value) => value.join(", "),
  schema: {
    anyOf: [
      { type: "string", minLength: 2, maxLength: LONGEST_TEXT },
      {
        type: "array",
        minItems: 1,
        maxItems: MOST,
        items: {
          anyOf: [
            { enum: PLAIN },
            { type: "string", pattern: HEADER.source },
            { type: "string", pattern: QUERY.source },
          ],
        },
      },
    ],
  },
};

function single(text: string): Reading<readonly StickyBy[]> {
  const by = byOf(text);
  return by === null ? refuse(text, EXPECTED) : accept([by]);
}

function readList(
  items: readonly unknown[],
  at: (index: number) => string,
): Reading<readonly StickyBy[]> {
  if (items.length === 0) return fault(`is an empty list, expected ${ONE}`);
  if (items.length > MOST) return fault(`has ${items.length} entries, expected at most ${MOST}`);
  const read: StickyBy[] = [];
  const faults: Fault[] = [];
  for (const [index, item] of items.entries()) {
    const by = byOf(item);
    const path = at(index);
    if (by === null) faults.push({ path, message: `received ${received(item)}, expected ${ONE}` });
    else if (read.includes(by)) faults.push({ path, message: `has ${quote(by)} a second time` });
    else read.push(by);
  }
  return faults.length > 0 ? { ok: false, faults } : accept(read);
}

function byOf(item: unknown): StickyBy | null {
  if (typeof item !== "string") return null;
  const header = HEADER.exec(item)?.[1];
  if (header !== undefined) return `header:${header.toLowerCase()}`;
  return PLAIN.includes(item) || QUERY.test(item) ? (item as StickyBy) : null;
}

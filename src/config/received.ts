/** Looks into values that nobody vouches for: nothing here throws, recurses or trusts a prototype. Pure. */

const SHOWN = 60;

/** The most entries a list or an object may have; a sparse list of four billion must not be walked. */
const MOST_ENTRIES = 10_000;

export interface Entry {
  readonly key: string;
  readonly value: unknown;
  /** False: reading the property threw. */
  readonly readable: boolean;
}

/** What a value holds, one level deep. */
export type Contents =
  | { readonly type: "list"; readonly items: readonly unknown[] }
  | { readonly type: "record"; readonly entries: readonly Entry[] }
  | { readonly type: "plain" }
  | { readonly type: "unusable"; readonly why: string };

/** The own enumerable contents of `value`, read once and never through a prototype. */
export function contentsOf(value: unknown): Contents {
  if (typeof value !== "object" || value === null) return { type: "plain" };
  try {
    if (Array.isArray(value)) {
      if (value.length > MOST_ENTRIES) return tooMany(value.length);
      return { type: "list", items: Array.from(value as readonly unknown[]) };
    }
    const keys = Object.keys(value);
    if (keys.length > MOST_ENTRIES) return tooMany(keys.length);
    return { type: "record", entries: keys.map((key) => entryOf(value, key)) };
  } catch {
    return { type: "unusable", why: "reading it throws an error" };
  }
}

function tooMany(length: number): Contents {
  return { type: "unusable", why: `it has ${length} entries, at most ${MOST_ENTRIES} are read` };
}

function entryOf(holder: object, key: string): Entry {
  try {
    return { key, value: (holder as Record<string, unknown>)[key], readable: true };
  } catch {
    return { key, value: undefined, readable: false };
  }
}

/** `value` for one line of a message: short, printable, and without running any code of its own. */
export function received(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "object":
      return value === null ? "null" : isList(value) ? "a list" : "an object";
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    case "bigint":
      return "a bigint";
    default:
      return String(value);
  }
}

/** `text` in double quotes, cut after 60 characters, with nothing in it a terminal would obey. */
export function quote(text: string): string {
  const cut = text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `at` continued by a key: `apps[0]` and `env` give `apps[0].env`. */
export function below(at: string, key: string): string {
  if (!/^[A-Za-z0-9_$-]{1,60}$/.test(key)) return `${at}[${quote(key)}]`;
  return at === "" ? key : `${at}.${key}`;
}

function isList(value: object): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

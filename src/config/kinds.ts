/** How values are read: one reader per kind of option, from a file's value or a command line's text. Pure. */

import type { Fault } from "../errors.ts";
import { contentsOf, received } from "./received.ts";
import { splitWords } from "./words.ts";

/** A value, or what is wrong with it; paths of faults start below the option ("" is the option itself). */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export interface Kind<T> {
  /** For the documentation: "duration", "whole number". */
  readonly type: string;
  /** What is accepted, bounds included; completes "expected ...". */
  readonly expected: string;
  /** Never throws, whatever `value` is. */
  read(value: unknown): Reading<T>;
  /** The value as a person writes it, for help and documentation. */
  show(value: T): string;
  /** The value as `read` takes it, where that is not the value itself. */
  write?(value: T): unknown;
  /** What it accepts as JSON Schema: never less than `read` takes, so that no editor calls a good value bad. */
  readonly schema: JsonSchema;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Longest path Linux accepts, in characters. */
const LONGEST_PATH = 4096;
/** Longest single argument or `NAME=value` Linux lets a program be started with (MAX_ARG_STRLEN). */
export const LONGEST_STRING = 131_071;
/** The longest duration any option takes: 24 h, well inside what a timer can hold (24.8 days). */
const LONGEST_MS = 24 * 3_600_000;

const DURATION = /^(\d{1,9}(?:\.\d{1,6})?) ?(ms|s|m|h)?$/;
const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

export function accept<T>(value: T): Reading<T> {
  return { ok: true, value };
}

export function refuse(value: unknown, expected: string, path = ""): Reading<never> {
  return fault(`received ${received(value)}, expected ${expected}`, path);
}

export function fault(message: string, path = ""): Reading<never> {
  return { ok: false, faults: [{ path, message }] };
}

/** A non-empty string the operating system takes as a path. */
export function path(what: string): Kind<string> {
  const expected = `${what}, 1 to ${LONGEST_PATH} characters`;
  return {
    type: "path",
    expected,
    read: (value) =>
      typeof value === "string" && isText(value, LONGEST_PATH) && value.trim() !== ""
        ? accept(value)
        : refuse(value, expected),
    show: (value) => value,
    schema: { type: "string", minLength: 1, maxLength: LONGEST_PATH },
  };
}

/** A string that matches `pattern`. */
export function pattern(type: string, matches: RegExp, expected: string): Kind<string> {
  return {
    type,
    expected,
    read: (value) =>
      typeof value === "string" && matches.test(value) ? accept(value) : refuse(value, expected),
    show: (value) => value,
    schema: { type: "string", pattern: matches.source },
  };
}

export function choice<T extends string>(...choices: readonly T[]): Kind<T> {
  const expected = choices.map((each) => `"${each}"`).join(" or ");
  return {
    type: "choice",
    expected,
    read: (value) => {
      const found = choices.find((each) => each === value);
      return found === undefined ? refuse(value, expected) : accept(found);
    },
    show: (value) => value,
    schema: { enum: choices },
  };
}

export function flag(): Kind<boolean> {
  const expected = "true or false";
  return {
    type: "boolean",
    expected,
    read: (value) => (typeof value === "boolean" ? accept(value) : refuse(value, expected)),
    show: String,
    schema: { type: "boolean" },
  };
}

/** A whole number, also as digits (the command line has only text). Bounds are included. */
export function whole(min: number, max: number): Kind<number> {
  const expected = `a whole number from ${min} to ${max}`;
  return {
    type: "whole number",
    expected,
    read: (value) => {
      const number = wholeOf(value);
      return number === null || number < min || number > max
        ? refuse(value, expected)
        : accept(number);
    },
    show: String,
    schema: {
      anyOf: [
        { type: "integer", minimum: min, maximum: max },
        { type: "string", pattern: "^-?\\d{1,15}$" },
      ],
    },
  };
}

/** `value` as a whole number where it is one or its decimal digits, else null. */
export function wholeOf(value: unknown): number | null {
  if (typeof value === "string") return /^-?\d{1,15}$/.test(value) ? Number(value) : null;
  return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
}

/** A duration in milliseconds, from a number (milliseconds) or text with a unit. Bounds are included. */
export function duration(minMs: number, maxMs: number = LONGEST_MS): Kind<number> {
  const expected = `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}: milliseconds as a number, or "500ms", "30s", "2m", "1h"`;
  return {
    type: "duration",
    expected,
    read: (value) => {
      const ms = durationOf(value);
      return ms === null || ms < minMs || ms > maxMs ? refuse(value, expected) : accept(ms);
    },
    show: formatDuration,
    schema: {
      anyOf: [
        { type: "integer", minimum: minMs, maximum: maxMs },
        { type: "string", pattern: DURATION.source },
      ],
    },
  };
}

function durationOf(value: unknown): number | null {
  if (typeof value !== "string") return wholeOf(value);
  const match = DURATION.exec(value);
  const unit = UNITS.get(match?.[2] ?? "ms");
  return match === null || unit === undefined ? null : Math.round(Number(match[1]) * unit);
}

/** `ms` in the largest unit that leaves it whole: 90000 is "90 s", 60000 is "1 m". */
export function formatDuration(ms: number): string {
  const found = [...UNITS].reverse().find(([, size]) => ms >= size && ms % size === 0);
  return found === undefined ? `${ms} ms` : `${ms / found[1]} ${found[0]}`;
}

/** Strings for a program's command line: a list, or one text split at blanks. */
export function words(): Kind<readonly string[]> {
  const expected = "a list of strings, or one string that is split at spaces outside quotes";
  return {
    type: "list of strings",
    expected,
    read: (value) => {
      if (typeof value === "string") return readWords(value, expected);
      const contents = contentsOf(value);
      if (contents.type === "unusable") return fault(`${contents.why}; expected ${expected}`);
      if (contents.type !== "list") return refuse(value, expected);
      const faults = contents.items.flatMap((item, index) =>
        typeof item === "string" && isText(item, LONGEST_STRING)
          ? []
          : [{ path: `[${index}]`, message: `received ${received(item)}, expected a string` }],
      );
      return faults.length > 0 ? { ok: false, faults } : accept(contents.items as string[]);
    },
    show: (value) => (value.length === 0 ? "none" : value.join(" ")),
    schema: { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] },
  };
}

function readWords(value: string, expected: string): Reading<readonly string[]> {
  if (!isText(value, LONGEST_STRING)) return refuse(value, expected);
  const split = splitWords(value);
  return split === null
    ? fault(`received ${received(value)}, in which a quote is not closed; expected ${expected}`)
    : accept(split);
}

/** `kind`, or null for "none", which is also what null in a file means. */
export function optional<T>(kind: Kind<T>): Kind<T | null> {
  return {
    type: kind.type,
    expected: `${kind.expected}, or null`,
    read: (value) => (value === null ? accept(null) : kind.read(value)),
    show: (value) => (value === null ? "none" : kind.show(value)),
    schema: { anyOf: [{ type: "null" }, kind.schema] },
  };
}

/** What the operating system takes as a string: not too long, and without NUL, which would cut it short. */
export function isText(value: string, longest: number): boolean {
  return value.length > longest ? false : !value.includes("\0");
}

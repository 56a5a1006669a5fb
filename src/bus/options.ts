/** Options and arguments are read at the call: what is wrong is told there, and nothing has been sent. */

import {
  accept,
  choice,
  duration,
  fault,
  flag,
  isText,
  type Kind,
  pattern,
  refuse,
  whole,
} from "../config/kinds.ts";
import { bytesOf } from "../config/memory.ts";
import { received } from "../config/received.ts";
import { BYS, LARGEST_MAX_BYTES, LONGEST_HEADERS_BYTES, LONGEST_TEXT } from "../core/bus/limits.ts";
import {
  isOwnSubject,
  OWN_SUBJECT_FAULT,
  patternFault,
  subjectFault,
} from "../core/bus/subjects.ts";
import { POLICIES } from "../core/bus/waiting.ts";
import { HoldfastError } from "../errors.ts";

/** Options after reading: durations in milliseconds, sizes in bytes; what was not given is not there. */
export type Read<Kinds> = {
  readonly [Name in keyof Kinds]?: Kinds[Name] extends Kind<infer T> ? T : never;
};

const SIZE_EXPECTED = 'an amount of memory from 1K to 1G: bytes as a number, or "512K", "4M"';

const shortText = pattern("text", /^[^\0]{1,255}$/, `text of 1 to ${LONGEST_TEXT} characters`);
const timeout = duration(1);
const encoding = choice("json", "clone");
const by = choice(...BYS);

const maxBytes: Kind<number> = {
  type: "amount of memory",
  expected: SIZE_EXPECTED,
  read: (value) => {
    const bytes = bytesOf(value);
    const isIn = bytes !== null && bytes >= 1024 && bytes <= LARGEST_MAX_BYTES;
    return isIn ? accept(bytes) : refuse(value, SIZE_EXPECTED);
  },
  show: String,
  schema: {},
};

const HEADERS_EXPECTED = "an object of strings";
const headers: Kind<Readonly<Record<string, string>>> = {
  type: "headers",
  expected: HEADERS_EXPECTED,
  read: (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return refuse(value, HEADERS_EXPECTED);
    }
    const wrong = Object.entries(value).find(([, text]) => typeof text !== "string");
    if (wrong) return fault(`received ${received(wrong[1])} for "${wrong[0]}", expected a string`);
    const bytes = Buffer.byteLength(JSON.stringify(value));
    if (bytes > LONGEST_HEADERS_BYTES)
      return fault(`have ${bytes} bytes, at most ${LONGEST_HEADERS_BYTES} may be`);
    return accept({ ...value } as Record<string, string>);
  },
  show: String,
  schema: {},
};

const SIGNAL_EXPECTED = "an AbortSignal";
const signal: Kind<AbortSignal> = {
  type: "signal",
  expected: SIGNAL_EXPECTED,
  read: (value) => (value instanceof AbortSignal ? accept(value) : refuse(value, SIGNAL_EXPECTED)),
  show: String,
  schema: {},
};

export const PUBLISH = {
  ...{ key: shortText, headers, encoding },
  ...{ hold: timeout, retain: flag(), confirm: flag() },
};
export const SUBSCRIBE = {
  ...{ queue: shortText, by, maxBytes, concurrency: whole(1, 1_000_000) },
  policy: choice(...POLICIES),
};
export const REPLY = { by, encoding, concurrency: whole(1, 1_000_000) };
export const REQUEST = {
  ...{ timeout, signal, idempotent: flag(), key: shortText, headers, hold: flag(), encoding },
};
export const GATHER = { timeout, signal, headers, encoding };
export const STATE = { headers, encoding };
export const LOCK = { timeout: duration(0), signal };
export const LEADER = {};
export const CLOSE = { timeout };
export const CONNECT = { name: shortText, signal };

/** The options of a call by their kinds. Throws HF_BUS_OPTION_INVALID. */
export function readOptions<Kinds extends Readonly<Record<string, Kind<unknown>>>>(
  call: string,
  kinds: Kinds,
  given: unknown,
): Read<Kinds> {
  const read: Record<string, unknown> = {};
  if (given === undefined) return read as Read<Kinds>;
  if (typeof given !== "object" || given === null) {
    throw invalid(call, "options", `received ${received(given)}, expected an object`);
  }
  for (const [name, value] of Object.entries(given)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) {
      throw invalid(
        call,
        name,
        `there is no such option; known are ${Object.keys(kinds).join(", ")}`,
      );
    }
    if (value === undefined) continue;
    const reading = kind.read(value);
    if (reading.ok) read[name] = reading.value;
    else throw invalid(call, name, reading.faults.map(({ message }) => message).join("; "));
  }
  return read as Read<Kinds>;
}

/** Throws HF_BUS_OPTION_INVALID where it is no function. */
export function checkHandler(call: string, handler: unknown): void {
  if (typeof handler === "function") return;
  throw invalid(call, "handler", `received ${received(handler)}, expected a function`);
}

/** Throws HF_BUS_SUBJECT_INVALID. `sys.` is read by all and written by the supervisor alone. */
export function checkSubject(subject: unknown, use: "write" | "read"): asserts subject is string {
  if (typeof subject !== "string") throw wrongSubject(received(subject), "a subject is a string");
  const found = subjectFault(subject);
  if (found !== null) throw wrongSubject(subject, found);
  if (use === "write" && isOwnSubject(subject)) throw wrongSubject(subject, OWN_SUBJECT_FAULT);
}

/** Throws HF_BUS_SUBJECT_INVALID. */
export function checkPattern(text: unknown): asserts text is string {
  if (typeof text !== "string") throw wrongSubject(received(text), "a pattern is a string");
  const found = patternFault(text);
  if (found !== null) throw wrongSubject(text, found);
}

export function invalid(call: string, option: string, said: string): HoldfastError {
  return new HoldfastError("HF_BUS_OPTION_INVALID", { call, option, fault: said });
}

function wrongSubject(subject: string, said: string): HoldfastError {
  const shown = isText(subject, LONGEST_TEXT) ? subject : `${subject.slice(0, 40)}...`;
  return new HoldfastError("HF_BUS_SUBJECT_INVALID", { subject: shown, fault: said });
}

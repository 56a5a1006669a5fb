/** Reads who may come to the bus from other machines, and what each may do there. Pure. */

import type { Permissions } from "../core/bus/permissions.ts";
import type { Fault } from "../errors.ts";
import type { ParseContext } from "./context.ts";
import { accept, fault, type JsonSchema, type Kind, path, type Reading, refuse } from "./kinds.ts";
import { type Parts, readParts } from "./parts.ts";
import { expandHome, join } from "./paths.ts";
import { below, contentsOf } from "./received.ts";

/** Who comes with a secret that both sides know; one of the three is given. */
export interface PskOptions extends Permissions {
  readonly key: string | null;
  readonly keyFile: string | null;
  /** The environment variable that holds it. */
  readonly keyEnv: string | null;
}

/** Patterns of subjects; what is left out allows nothing. */
export interface PermissionsInput {
  readonly publish?: readonly string[];
  readonly subscribe?: readonly string[];
  readonly request?: readonly string[];
  readonly reply?: readonly string[];
  readonly queues?: readonly string[];
  readonly locks?: readonly string[];
}

export interface PskInput extends PermissionsInput {
  readonly key?: string;
  readonly keyFile?: string;
  readonly keyEnv?: string;
}

const MOST_PATTERNS = 1000;
const PATTERN =
  /^(?=.{1,255}$)(?:>|(?:[A-Za-z0-9_$:-]+|\*)(?:\.(?:[A-Za-z0-9_$:-]+|\*))*(?:\.>)?)$/;
const PATTERNS_EXPECTED = 'a list of patterns such as "orders.*" or ">"';
/** What is said of a member to others has to be readable. */
const WHO = /^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/;
const WHO_EXPECTED = "a name of 1 to 128 printable characters";
const HEX = /^(?:[0-9A-Fa-f]{2}){16,64}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{22,86}|[A-Za-z0-9_-]{22,86})={0,2}$/;
const KEY_EXPECTED = "16 to 64 bytes in hex or base64";
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;

const patternsKind: Kind<readonly string[]> = {
  type: "list of patterns",
  expected: PATTERNS_EXPECTED,
  read: (value) => {
    const contents = contentsOf(value);
    if (contents.type === "unusable")
      return fault(`${contents.why}; expected ${PATTERNS_EXPECTED}`);
    if (contents.type !== "list") return refuse(value, PATTERNS_EXPECTED);
    const { items } = contents;
    if (items.length > MOST_PATTERNS) return fault(`has more than ${MOST_PATTERNS} patterns`);
    const faults = items.flatMap((item, index) => {
      if (typeof item === "string" && PATTERN.test(item)) return [];
      const found = refuse(item, 'a pattern such as "orders.*" or ">"', `[${index}]`);
      return found.ok ? [] : found.faults;
    });
    return faults.length > 0 ? { ok: false, faults } : accept(items as readonly string[]);
  },
  show: (value) => value.join(", "),
  schema: {
    type: "array",
    maxItems: MOST_PATTERNS,
    items: { type: "string", pattern: PATTERN.source },
  },
};

/** What was received is never part of a message: it may be somebody's secret, cut short. */
const keyKind: Kind<string> = {
  type: "secret",
  expected: KEY_EXPECTED,
  read: (value) =>
    keyFault(value) === null
      ? accept(value as string)
      : fault(`is not a key, expected ${KEY_EXPECTED}`),
  show: () => "***",
  schema: { type: "string", anyOf: [{ pattern: HEX.source }, { pattern: BASE64.source }] },
};
const keyFileKind = path("a file that holds the key");
const keyEnvKind: Kind<string> = {
  type: "name",
  expected: "the name of an environment variable",
  read: (value) =>
    typeof value === "string" && VARIABLE.test(value)
      ? accept(value)
      : fault("is not the name of an environment variable"),
  show: (value) => value,
  schema: { type: "string", pattern: VARIABLE.source },
};

const PERMISSIONS = (["publish", "subscribe", "request", "reply", "queues", "locks"] as const).map(
  (action) => [action, [action, patternsKind]] as const,
);
const CLIENT_PARTS: Parts<Permissions> = new Map<
  string,
  readonly [keyof Permissions, Kind<unknown>]
>(PERMISSIONS);
const PSK_PARTS: Parts<PskOptions> = new Map<string, readonly [keyof PskOptions, Kind<unknown>]>([
  ["key", ["key", keyKind]],
  ["keyFile", ["keyFile", keyFileKind]],
  ["keyEnv", ["keyEnv", keyEnvKind]],
  ...PERMISSIONS,
]);

const NOTHING: Permissions = {
  ...{ publish: [], subscribe: [], request: [], reply: [], queues: [], locks: [] },
};

/** What is wrong with a key, as the end of a sentence; null: nothing. It never holds what was received. */
export function keyFault(key: unknown): string | null {
  const isKey = typeof key === "string" && (HEX.test(key) || BASE64.test(key));
  return isKey ? null : `it is no key of ${KEY_EXPECTED}`;
}

/** Hex where the text can be that, else base64: both sides have to see it the same way. */
export function keyEncoding(key: string): "hex" | "base64" {
  return HEX.test(key) ? "hex" : "base64";
}

/** By identity. Paths of faults start below the key. */
export function readPsk(
  value: unknown,
  context: ParseContext,
): Reading<Record<string, PskOptions>> {
  return readEach(value, "identities", (entries) => {
    const parts = readParts(entries, PSK_PARTS);
    if (!parts.ok) return parts;
    const { key = null, keyFile = null, keyEnv = null } = parts.value;
    if ([key, keyFile, keyEnv].filter((each) => each !== null).length !== 1) {
      return fault('needs exactly one of "key", "keyFile" and "keyEnv"');
    }
    const file = keyFile === null ? null : placed(keyFile, context);
    return accept({ ...NOTHING, ...parts.value, key, keyFile: file, keyEnv });
  });
}

/** By the common name of the certificate. */
export function readClients(value: unknown): Reading<Record<string, Permissions>> {
  return readEach(value, "clients", (entries) => {
    const parts = readParts(entries, CLIENT_PARTS);
    return parts.ok ? accept({ ...NOTHING, ...parts.value }) : parts;
  });
}

type Entries = Parameters<typeof readParts>[0];

function readEach<T>(
  value: unknown,
  what: string,
  read: (entries: Entries) => Reading<T>,
): Reading<Record<string, T>> {
  const expected = `an object of ${what}, each by its name`;
  const contents = contentsOf(value);
  if (contents.type === "unusable") return fault(`${contents.why}; expected ${expected}`);
  if (contents.type !== "record") return refuse(value, expected);
  const found: [string, T][] = [];
  const faults: Fault[] = [];
  for (const { key, value: each, readable } of contents.entries) {
    const at = below("", key);
    const where = at.startsWith("[") ? at : `.${at}`;
    const inner = readable ? contentsOf(each) : null;
    const reading = !WHO.test(key)
      ? refuse(key, WHO_EXPECTED)
      : inner?.type === "record"
        ? read(inner.entries)
        : fault("is no object of permissions");
    if (reading.ok) found.push([key, reading.value]);
    else faults.push(...reading.faults.map((one) => ({ ...one, path: `${where}${one.path}` })));
  }
  return faults.length > 0 ? { ok: false, faults } : accept(Object.fromEntries(found));
}

/** A file's path as it is meant in this configuration. */
export function placed(file: string, { directory, home }: ParseContext): string {
  const expanded = expandHome(file, home);
  return directory === undefined ? expanded : join(directory, expanded);
}

function eachSchema(parts: ReadonlyMap<string, readonly [unknown, Kind<unknown>]>): JsonSchema {
  return {
    type: "object",
    additionalProperties: {
      type: "object",
      properties: Object.fromEntries([...parts].map(([name, [, kind]]) => [name, kind.schema])),
      additionalProperties: false,
    },
  };
}

export const PSK_SCHEMA: JsonSchema = eachSchema(PSK_PARTS);
export const CLIENTS_SCHEMA: JsonSchema = eachSchema(CLIENT_PARTS);

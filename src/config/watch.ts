/** Reads what is watched for changes: Holdfast's one option, and PM2's four. Pure. */

import type { Fault } from "../errors.ts";
import type { Watch } from "./app.ts";
import { accept, duration, fault, type Kind, path, type Reading, refuse } from "./kinds.ts";
import { listOf } from "./lists.ts";
import { below, contentsOf, type Entry } from "./received.ts";

const EXPECTED =
  'true (the working directory), a path, a list of paths, or { "paths": [...], "ignore": [...], "delay": "200ms" }';

/** PM2 leaves out the same: names that start with a dot, and what is installed. */
const IGNORE: readonly string[] = [".*", "node_modules"];
const DELAY_MS = 200;

export const watchPaths = listOf(path("a file or folder"), "paths", null);
export const watchDelay = duration(0, 3_600_000);

type Part = keyof Watch;
const PARTS: ReadonlyMap<string, readonly [field: Part, kind: Kind<unknown>]> = new Map<
  string,
  readonly [Part, Kind<unknown>]
>([
  ["paths", ["paths", watchPaths]],
  ["ignore", ["ignore", watchPaths]],
  ["delay", ["delayMs", watchDelay]],
]);

export const watchKind: Kind<Watch | null> = {
  type: "paths to watch",
  expected: EXPECTED,
  read: (value) => {
    if (value === false || value === null) return accept(null);
    if (value === true) return accept(watchOf({}));
    const contents = contentsOf(value);
    if (contents.type === "unusable") return fault(`${contents.why}; expected ${EXPECTED}`);
    if (contents.type === "record") return readParts(contents.entries);
    if (contents.type === "plain" && typeof value !== "string") return refuse(value, EXPECTED);
    const paths = watchPaths.read(value);
    return paths.ok
      ? accept(paths.value.length === 0 ? null : watchOf({ paths: paths.value }))
      : paths;
  },
  show: (value) => (value === null ? "none" : value.paths.join(" ")),
  write: (value) =>
    value === null ? null : { paths: value.paths, ignore: value.ignore, delay: value.delayMs },
  schema: {
    anyOf: [
      { type: ["boolean", "null"] },
      watchPaths.schema,
      {
        type: "object",
        properties: {
          paths: watchPaths.schema,
          ignore: watchPaths.schema,
          delay: watchDelay.schema,
        },
        additionalProperties: false,
      },
    ],
  },
};

/** With its defaults where parts are missing. */
export function watchOf(parts: Partial<Watch>): Watch {
  const paths = parts.paths ?? [];
  return {
    paths: paths.length === 0 ? ["."] : paths,
    ignore: parts.ignore ?? IGNORE,
    delayMs: parts.delayMs ?? DELAY_MS,
  };
}

function readParts(entries: readonly Entry[]): Reading<Watch> {
  const parts: Partial<Record<Part, unknown>> = {};
  const faults: Fault[] = [];
  for (const { key, value, readable } of entries) {
    if (readable && value === undefined) continue;
    const at = below("", key);
    const where = at.startsWith("[") ? at : `.${at}`;
    const part = PARTS.get(key);
    if (part === undefined) {
      faults.push({ path: where, message: 'is unknown, expected "paths", "ignore" or "delay"' });
      continue;
    }
    const [field, kind] = part;
    const reading = readable ? kind.read(value) : fault("reading it throws an error");
    if (reading.ok) parts[field] = reading.value;
    else faults.push(...reading.faults.map((each) => ({ ...each, path: `${where}${each.path}` })));
  }
  return faults.length > 0 ? { ok: false, faults } : accept(watchOf(parts as Partial<Watch>));
}

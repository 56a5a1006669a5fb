/** Reads what is watched for changes: Holdfast's one option, and PM2's four. Pure. */

import type { Watch } from "./app.ts";
import { accept, duration, fault, type Kind, path, refuse } from "./kinds.ts";
import { listOf } from "./lists.ts";
import { type Parts, readParts } from "./parts.ts";
import { contentsOf } from "./received.ts";

const EXPECTED =
  'true (the working directory), a path, a list of paths, or { "paths": [...], "ignore": [...], "delay": "200ms" }';

/** PM2 leaves out the same: names that start with a dot, and what is installed. */
const IGNORE: readonly string[] = [".*", "node_modules"];
const DELAY_MS = 200;

export const watchPaths = listOf(path("a file or folder"), "paths", null);
export const watchDelay = duration(0, 3_600_000);

const PARTS: Parts<Watch> = new Map<string, readonly [keyof Watch, Kind<unknown>]>([
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
    if (contents.type === "record") {
      const parts = readParts(contents.entries, PARTS);
      return parts.ok ? accept(watchOf(parts.value)) : parts;
    }
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

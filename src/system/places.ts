/** What stands at a path: a file, a directory, nothing; and what a directory's entry point is. */

import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { HoldfastError } from "../errors.ts";

export interface Place {
  readonly type: "file" | "directory" | "other";
  /** Absolute, with every symlink followed. */
  readonly path: string;
}

/** Codes that mean "nothing is there"; a name too long or with a NUL in it can be nowhere. */
const ABSENT = ["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];

/** What stands at `path`, null where nothing does. Throws HF_SCRIPT_UNREADABLE where one may not look. */
export function look(path: string): Place | null {
  try {
    const real = realpathSync(path);
    const stat = statSync(real);
    return {
      type: stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other",
      path: real,
    };
  } catch (error) {
    if (ABSENT.includes(codeOf(error))) return null;
    throw unreadable(path, error);
  }
}

/** The text of a file. Throws HF_SCRIPT_UNREADABLE. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

export function unreadable(script: string, error: unknown): HoldfastError {
  const reason = READABLE_REASONS[codeOf(error)] ?? codeOf(error);
  return new HoldfastError("HF_SCRIPT_UNREADABLE", { script, reason }, { cause: error });
}

const READABLE_REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied (EACCES)",
  EPERM: "operation not permitted (EPERM)",
  ELOOP: "its symbolic links lead in a circle (ELOOP)",
};

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" ? code : "unknown error";
}

/**
 * The file Node would run for a directory: "main" of its package.json as a file, with an extension
 * or as a directory's index, else the index file. Null where there is none.
 */
export function mainOf(directory: string): string | null {
  const main = packageOf(directory)?.main;
  if (typeof main === "string" && main !== "") {
    const path = resolve(directory, main);
    for (const candidate of [path, `${path}.js`, `${path}.mjs`, `${path}.cjs`]) {
      const place = look(candidate);
      if (place?.type === "file") return place.path;
    }
    const index = indexOf(path);
    if (index !== null) return index;
  }
  return indexOf(directory);
}

function indexOf(directory: string): string | null {
  for (const name of ["index.js", "index.mjs", "index.cjs"]) {
    const place = look(join(directory, name));
    if (place?.type === "file") return place.path;
  }
  return null;
}

/** The package.json of a directory; null where there is none or it is no JSON object. */
export function packageOf(directory: string): Readonly<Record<string, unknown>> | null {
  const path = join(directory, "package.json");
  if (look(path)?.type !== "file") return null;
  try {
    const parsed: unknown = JSON.parse(textOf(path));
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : null;
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    return null;
  }
}

/** The package's name of a directory for naming an app; null where there is none. Never throws. */
export function packageNameOf(directory: string): string | null {
  try {
    const name = packageOf(directory)?.name;
    return typeof name === "string" && name !== "" ? name : null;
  } catch {
    return null;
  }
}

/** The version in the nearest package.json above a file; null where there is none. Never throws. */
export function packageVersionAbove(file: string): string | null {
  const directory = dirname(file);
  if (directory === file) return null;
  try {
    const found = packageOf(directory);
    if (found === null) return packageVersionAbove(directory);
    return typeof found.version === "string" ? found.version : null;
  } catch {
    return null;
  }
}

/** Finds what a configured script means on the disk as it is now. */

import { readdirSync } from "node:fs";
import { basename, dirname, extname, resolve } from "node:path";
import { HoldfastError } from "../errors.ts";
import { binaryOf } from "./binary.ts";
import { look, mainOf } from "./places.ts";
import { assertRunnable, type Runtime } from "./runnable.ts";

export interface ResolvedScript {
  /** Absolute, with every symlink followed. */
  readonly script: string;
  /** Those of a command ("next start") before those given. */
  readonly args: readonly string[];
  /** The working directory with every symlink followed: `releases/42`. */
  readonly cwd: string;
  /** The working directory as given, made absolute: `current`. */
  readonly cwdGiven: string;
}

const EXTENSIONS = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"];

/**
 * What to run for `script`, looked for in this order: the file, the file with an extension, the
 * directory's main or index file, the command of a package in node_modules/.bin from `cwd` upward.
 * "next start" is a command with an argument unless a file has that name. A relative `cwd` starts at
 * the process's working directory. Symlinks are followed on every call, so a moved link is a new answer.
 * Throws HF_SCRIPT_NOT_FOUND, HF_SCRIPT_NO_MAIN, HF_SCRIPT_UNREADABLE or HF_SCRIPT_UNSUPPORTED.
 */
export function resolveScript(
  script: string,
  args: readonly string[],
  cwd: string,
  runtime?: Runtime,
): ResolvedScript {
  const cwdGiven = resolve(cwd);
  const place = look(cwdGiven);
  if (place?.type !== "directory") {
    const tried = [`${cwdGiven} (the working directory)`];
    throw new HoldfastError("HF_SCRIPT_NOT_FOUND", { script, tried });
  }
  const found = find(script, place.path);
  assertRunnable(found.path, runtime);
  return { script: found.path, args: [...found.args, ...args], cwd: place.path, cwdGiven };
}

interface Found {
  readonly path: string;
  readonly args: readonly string[];
}

function find(script: string, cwd: string): Found {
  const base = resolve(cwd, script);
  const missing = EXTENSIONS.includes(extname(base)) ? [] : EXTENSIONS;
  const tried = [base, ...missing.map((extension) => `${base}${extension}`)];
  for (const path of tried) {
    const place = look(path);
    if (place?.type === "file") return { path: place.path, args: [] };
    if (place?.type === "other") {
      const reason = "it is neither a file nor a directory";
      throw new HoldfastError("HF_SCRIPT_UNSUPPORTED", { script: path, reason });
    }
  }
  const directory = look(base);
  const main = directory === null ? null : mainOf(directory.path);
  if (main !== null) return { path: main, args: [] };
  const [command = "", ...words] = script.trim().split(/\s+/);
  if (isCommand(command)) {
    const binary = binaryOf(command, cwd);
    if (binary !== null) return { path: binary, args: words };
    tried.push(`node_modules/.bin/${command} in ${cwd} and the folders above it`);
  }
  if (directory !== null) {
    throw new HoldfastError("HF_SCRIPT_NO_MAIN", { directory: directory.path });
  }
  throw new HoldfastError("HF_SCRIPT_NOT_FOUND", { script, tried: withHint(tried, base) });
}

/** A bare word; what holds a slash is a path, whatever it leads to. */
function isCommand(word: string): boolean {
  return word !== "" && !word.includes("/") && !word.startsWith(".");
}

/** The last place tried also names the file that was probably meant. */
function withHint(tried: readonly string[], base: string): readonly string[] {
  const near = sibling(base);
  if (near === null) return tried;
  return [...tried.slice(0, -1), `${tried.at(-1)} (did you mean "${near}"?)`];
}

function sibling(path: string): string | null {
  const name = basename(path);
  let names: readonly string[] = [];
  try {
    names = readdirSync(dirname(path)).sort();
  } catch {
    return null;
  }
  const stem = (file: string) => file.slice(0, file.length - extname(file).length);
  const scripts = names.filter((each) => EXTENSIONS.includes(extname(each)));
  return scripts.find((each) => isOneSlip(stem(each), stem(name))) ?? null;
}

/** One character added, left out or mistaken, or two neighbours swapped; capitals aside. */
function isOneSlip(one: string, other: string): boolean {
  const left = one.toLowerCase();
  const right = other.toLowerCase();
  const shorter = Math.min(left.length, right.length);
  let start = 0;
  while (start < shorter && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < shorter - start && left.at(-1 - end) === right.at(-1 - end)) end += 1;
  const [a, b] = [left.slice(start, left.length - end), right.slice(start, right.length - end)];
  if (left.length < 3 || right.length < 3) return a === b;
  return (a.length <= 1 && b.length <= 1) || (a.length === 2 && a[0] === b[1] && a[1] === b[0]);
}

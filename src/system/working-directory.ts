/** Where the user stands, by the name they came by: a link such as `current` stays one. */

import { statSync } from "node:fs";
import { HoldfastError } from "../errors.ts";

/**
 * $PWD, the shell's name for the working directory, where it names that directory indeed; else its
 * physical path. Throws HF_NO_WORKING_DIRECTORY when the directory is there no more.
 */
export function workingDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const physical = physicalDirectory();
  const { PWD: logical } = env;
  // What pwd(1) takes for a name, too: absolute, without "." and "..".
  if (!logical?.startsWith("/") || /\/\.{1,2}(\/|$)/.test(logical)) return physical;
  return isSame(logical, physical) ? logical : physical;
}

function physicalDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw new HoldfastError("HF_NO_WORKING_DIRECTORY", {}, { cause: error });
  }
}

function isSame(one: string, other: string): boolean {
  const [left, right] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return left !== undefined && left.ino === right?.ino && left.dev === right.dev;
}

/** Finds the JavaScript file behind a package's command (`next`), which npm, pnpm and Yarn link differently. */

import { dirname, join, resolve } from "node:path";
import { HoldfastError } from "../errors.ts";
import { look, packageOf, textOf } from "./places.ts";
import { isJavaScript } from "./runnable.ts";

/**
 * The file the command `name` runs, from the nearest node_modules at or above `cwd` that has it;
 * null where none has. Throws HF_SCRIPT_UNSUPPORTED where the command is no JavaScript.
 */
export function binaryOf(name: string, cwd: string): string | null {
  const linked = join("node_modules", ".bin", name);
  for (const directory of upward(cwd)) {
    const place = look(join(directory, linked));
    if (place?.type !== "file") continue;
    if (isJavaScript(place.path)) return place.path;
    const behind = declared(name, directory) ?? shimmed(place.path, directory);
    if (behind !== null) return behind;
    const reason = "the command is not JavaScript, and no package.json names a file for it";
    throw new HoldfastError("HF_SCRIPT_UNSUPPORTED", { script: place.path, reason });
  }
  return null;
}

function upward(directory: string): readonly string[] {
  const parent = dirname(directory);
  return parent === directory ? [directory] : [directory, ...upward(parent)];
}

/** What the package of the same name declares: `"bin": "./cli.js"` or `"bin": { "next": "./cli.js" }`. */
function declared(name: string, directory: string): string | null {
  const home = join(directory, "node_modules", name);
  const bin = packageOf(home)?.bin;
  const file =
    typeof bin === "object" && bin !== null && Object.hasOwn(bin, name)
      ? (bin as Record<string, unknown>)[name]
      : bin;
  return typeof file === "string" ? javaScriptAt(resolve(home, file)) : null;
}

/**
 * What a shell shim, as pnpm writes them, starts: `exec node "$basedir/../typescript/bin/tsc" "$@"`.
 * For commands whose package has another name.
 */
function shimmed(shim: string, directory: string): string | null {
  const match = /"\$basedir\/([^"$`]+)"\s+"\$@"/.exec(textOf(shim));
  const bin = join(directory, "node_modules", ".bin");
  return match?.[1] === undefined ? null : javaScriptAt(resolve(bin, match[1]));
}

function javaScriptAt(path: string): string | null {
  const place = look(path);
  return place?.type === "file" && isJavaScript(place.path) ? place.path : null;
}

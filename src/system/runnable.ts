/** Whether Node can run a file, judged by its name and first line. */

import { closeSync, openSync, readSync } from "node:fs";
import { extname, sep } from "node:path";
import { HoldfastError } from "../errors.ts";
import { unreadable } from "./places.ts";

export interface Runtime {
  /** This Node strips TypeScript's types by itself. Default: what the running Node says. */
  readonly typescript: boolean;
}

const JAVASCRIPT = [".js", ".mjs", ".cjs"];
const TYPESCRIPT = [".ts", ".mts", ".cts"];

/** Throws HF_SCRIPT_UNSUPPORTED, or HF_SCRIPT_UNREADABLE where the file may not be read. */
export function assertRunnable(script: string, runtime: Runtime = currentRuntime()): void {
  const interpreter = interpreterOf(script);
  const reason = obstacle(script, interpreter, runtime);
  if (reason !== null) throw new HoldfastError("HF_SCRIPT_UNSUPPORTED", { script, reason });
}

/** By its extension, or by a first line that names node. Throws HF_SCRIPT_UNREADABLE. */
export function isJavaScript(path: string): boolean {
  return JAVASCRIPT.includes(extname(path)) || isNode(interpreterOf(path) ?? "");
}

function currentRuntime(): Runtime {
  // Not in the types of Node 20; false, "strip" or "transform" where it exists.
  const { typescript } = process.features as { readonly typescript?: unknown };
  return { typescript: Boolean(typescript) };
}

function obstacle(script: string, interpreter: string | null, runtime: Runtime): string | null {
  const extension = extname(script).toLowerCase();
  if (JAVASCRIPT.includes(extension)) return null;
  if (extension === ".tsx" || extension === ".jsx") {
    return `${extension} files need a build step, in every version of Node`;
  }
  if (TYPESCRIPT.includes(extension)) return typescriptObstacle(script, extension, runtime);
  if ([".json", ".node", ".wasm"].includes(extension)) return `${extension} files are no programs`;
  if (interpreter !== null && !isNode(interpreter)) return `its first line asks for ${interpreter}`;
  return null;
}

function typescriptObstacle(script: string, extension: string, runtime: Runtime): string | null {
  if (!runtime.typescript) {
    return `${extension} files need Node 22.18 or later with its type stripping on, this is ${process.version}`;
  }
  // https://nodejs.org/api/typescript.html#type-stripping-in-dependencies
  return script.includes(`${sep}node_modules${sep}`)
    ? `Node runs no ${extension} files below node_modules`
    : null;
}

function isNode(interpreter: string): boolean {
  return /(?:^|[/\s])node(?:js)?(?:\s|$)/.test(interpreter);
}

/** What the first line asks for after "#!", null where it asks for nothing. */
function interpreterOf(path: string): string | null {
  const head = Buffer.alloc(256);
  try {
    const fd = openSync(path, "r");
    try {
      const length = readSync(fd, head, 0, head.length, 0);
      return /^#!\s*([^\r\n]+)/.exec(head.toString("latin1", 0, length))?.[1]?.trim() ?? null;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

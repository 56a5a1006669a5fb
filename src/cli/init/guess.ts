/** What a project wants to be run as, from its package.json. Pure. */

import { posix } from "node:path";
import { splitWords } from "../../config/words.ts";

export interface Guess {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly nodeArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where it comes from, for a person; null where nothing was found and the script is an example. */
  readonly from: string | null;
}

type Command = Pick<Guess, "script" | "args" | "nodeArgs" | "env">;

const EXAMPLE = "server.js";
const USUAL = [
  "server",
  "app",
  "index",
  "main",
  "dist/index",
  "dist/server",
  "src/index",
  "src/server",
];
/** Options of Node whose value is a word of its own. */
const WITH_VALUE = [
  "-r",
  "--require",
  "--import",
  "--loader",
  "--experimental-loader",
  "-C",
  "--conditions",
  "--env-file",
];
const ASSIGNMENT = /^([A-Za-z_]\w*)=(.*)$/s;

/**
 * `scripts.start` before `main` before files of the usual names. `exists` is asked about paths relative
 * to the project; `folder` is the name of its folder.
 */
export function guessApp(
  manifest: Readonly<Record<string, unknown>> | null,
  folder: string,
  exists: (path: string) => boolean,
): Guess {
  const name = nameOf(manifest?.name) || nameOf(folder) || "app";
  const start = (manifest?.scripts as Record<string, unknown> | undefined)?.start;
  const command = typeof start === "string" ? commandIn(start) : null;
  if (command) return { name, ...command, from: "scripts.start of package.json" };
  const plain = { name, args: [], nodeArgs: [], env: {} };
  const { main } = manifest ?? {};
  if (typeof main === "string" && main !== "" && exists(main)) {
    return { ...plain, script: posix.normalize(main), from: "main of package.json" };
  }
  const found = USUAL.flatMap((each) => [".js", ".mjs", ".cjs"].map((end) => each + end)).find(
    exists,
  );
  return { ...plain, script: found ?? EXAMPLE, from: found ? "a file that is there" : null };
}

/** Null where only a shell could run it. */
function commandIn(text: string): Command | null {
  if (/[|&;<>`$*?(){}\n]/.test(text)) return null;
  const words = [...(splitWords(text) ?? [])];
  const env: Record<string, string> = {};
  while (words[0] !== undefined && (words[0] === "cross-env" || ASSIGNMENT.test(words[0]))) {
    const [, key, value] = ASSIGNMENT.exec(String(words.shift())) ?? [];
    if (key !== undefined) env[key] = value ?? "";
  }
  const nodeArgs: string[] = [];
  if (words[0] === "node") {
    words.shift();
    while (words[0]?.startsWith("-")) {
      nodeArgs.push(...words.splice(0, WITH_VALUE.includes(words[0]) ? 2 : 1));
    }
  }
  const [script, ...args] = words;
  // These start programs themselves, and stand between a supervisor and its workers.
  if (!script || ["npm", "npx", "pnpm", "yarn", "bun", "nodemon", "pm2"].includes(script))
    return null;
  return { script, args, nodeArgs, env };
}

/** Without its scope, and only with what a name may hold. */
function nameOf(name: unknown): string {
  if (typeof name !== "string") return "";
  return name
    .replace(/^@[^/]*\//, "")
    .replaceAll(/[^\w.-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 64);
}

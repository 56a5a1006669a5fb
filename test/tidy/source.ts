/**
 * Source files as the rules see them: the text, and the same text with the insides of comments,
 * strings, templates and regular expressions blanked, so that a rule meets code only.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));

export interface Source {
  /** From the root, with forward slashes: `src/core/app.ts`. */
  readonly path: string;
  readonly text: string;
  /** As long as `text`, line for line; what is not code is spaces, quotes stay. */
  readonly code: string;
}

export function source(path: string, text: string): Source {
  return { path, text, code: codeOf(text) };
}

/** Every TypeScript file below the given folders and files of the root that exist. */
export function sourcesIn(...places: readonly string[]): Source[] {
  return places
    .flatMap((place) => filesBelow(join(root, place)))
    .filter((file) => file.endsWith(".ts") || file.endsWith(".mjs"))
    .map((file) => source(slashed(relative(root, file)), readFileSync(file, "utf8")));
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** Where `pattern` (global) matches in the code of a file. */
export function matches(file: Source, pattern: RegExp): { text: string; line: number }[] {
  return [...file.code.matchAll(pattern)].map((match) => ({
    text: match[0].trim(),
    line: lineAt(file.code, match.index + match[0].search(/\S/)),
  }));
}

function filesBelow(place: string): string[] {
  if (/\.\w+$/.test(place)) return [place];
  return readdirSync(place, { withFileTypes: true, recursive: true })
    .filter((found) => found.isFile())
    .map((found) => join(found.parentPath, found.name))
    .filter((file) => !file.includes(`${sep}node_modules${sep}`));
}

function slashed(path: string): string {
  return path.split(sep).join("/");
}

// One alternative per thing that is not code. A template is cut at its `${`: what stands inside is
// code again, and its closing brace is where the template goes on.
const comment = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const quoted = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const regex = /\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const templatePart = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y;

/** Blanks what is not code; see `Source.code`. */
export function codeOf(text: string): string {
  let code = "";
  /** For each open template, how many braces are open inside its `${`. */
  const holes: number[] = [];
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string;
    const hole = holes.length - 1;
    const closesHole = char === "}" && holes[hole] === 0;
    let found = char;
    let shown = char;
    if (char === "`" || closesHole) {
      const part = matchAt(templatePart, text, at + 1);
      const opensHole = part.endsWith("${");
      if (closesHole) holes.pop();
      if (opensHole) holes.push(0);
      found = char + part;
      shown = char + blank(part, opensHole ? 2 : 1);
    } else if (/["'/]/.test(char)) {
      const note = matchAt(comment, text, at);
      const value = matchAt(quoted, text, at) || (mayStartRegex(code) && matchAt(regex, text, at));
      found = note || value || char;
      shown = note ? blank(note, 0) : value ? char + blank(value.slice(1), 1) : char;
    } else if (hole >= 0 && /[{}]/.test(char)) {
      holes[hole] = (holes[hole] as number) + (char === "{" ? 1 : -1);
    }
    code += shown;
    at += found.length;
  }
  return code;
}

function matchAt(sticky: RegExp, text: string, at: number): string {
  sticky.lastIndex = at;
  return sticky.exec(text)?.[0] ?? "";
}

/** Spaces for everything but line ends and the last `kept` characters. */
function blank(text: string, kept: number): string {
  const end = text.length - kept;
  return text.slice(0, end).replace(/[^\n]/g, " ") + text.slice(end);
}

/** A slash divides after a value and starts a regular expression after anything else. */
function mayStartRegex(codeBefore: string): boolean {
  const before = codeBefore.slice(-40).trimEnd();
  return before === "" || /[^\w$)\]}"'`]$|\b(?:return|case|typeof|in|of|void|throw)$/.test(before);
}

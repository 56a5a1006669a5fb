/**
 * Sizes: 250 lines a file, 50 lines a function. What is longer is split, or says why it is not:
 * `// tidy: <reason>` on the line above the function, or at the head of the file.
 */
import type { Fault } from "./fault.ts";
import { lineAt, type Source } from "./source.ts";

const LINES_PER_FILE = 250;
const LINES_PER_FUNCTION = 50;

const excuse = /^\s*\/\/ tidy: \S.{7}/;
const mend =
  'Split it where the names change, or say why not: "// tidy: <reason>" on the line above';

export function sizeFaults(files: readonly Source[]): Fault[] {
  return files.flatMap((file) => [...fileFaults(file), ...functionFaults(file)]);
}

function fileFaults(file: Source): Fault[] {
  const lines = file.text.trimEnd().split("\n");
  if (lines.length <= LINES_PER_FILE) return [];
  const head = lines.slice(0, lines.findIndex((_, index) => codeLine(file, index)) + 1);
  if (head.some((line) => excuse.test(line))) return [];
  return [
    {
      rule: "size-of-file",
      file: file.path,
      line: 1,
      what: `${lines.length} lines, the measure is ${LINES_PER_FILE}`,
      mend,
    },
  ];
}

function functionFaults(file: Source): Fault[] {
  const lines = file.text.split("\n");
  return functionsOf(file).flatMap(({ name, from, to }) => {
    const length = to - from + 1;
    if (length <= LINES_PER_FUNCTION || excuse.test(lines[from - 2] ?? "")) return [];
    return [
      {
        rule: "size-of-function",
        file: file.path,
        line: from,
        what: `${name} has ${length} lines, the measure is ${LINES_PER_FUNCTION}`,
        mend,
      },
    ];
  });
}

function codeLine(file: Source, index: number): boolean {
  return (file.code.split("\n")[index] ?? "").trim() !== "";
}

interface Extent {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

const heads = new RegExp(
  [
    String.raw`\bfunction\b\s*\*?\s*(?<named>[\w$]*)\s*(?=[<(])`,
    String.raw`^[ \t]*(?:(?:public|private|protected|static|async|override|get|set)\s+)*\*?` +
      String.raw`(?!(?:if|for|while|switch|catch|with|return|function|await|super|constructor)\b)(?<method>#?[\w$]+)(?=[<(])`,
    String.raw`^[ \t]*(?<built>constructor)\s*(?=\()`,
    String.raw`(?<arrow>=>)\s*(?=\{)`,
  ].join("|"),
  "gm",
);

/** The functions of a file that have a body in braces, by a scan of parentheses and braces. */
export function functionsOf({ code }: Source): Extent[] {
  return [...code.matchAll(heads)].flatMap((head) => {
    const after = head.index + head[0].length;
    const { named, method, built, arrow } = head.groups ?? {};
    const isArrow = arrow !== undefined;
    const body = isArrow ? after : bodyAfter(code, after);
    if (body === null) return [];
    const start = isArrow ? startOfArrow(code, head.index) : head.index + head[0].search(/\S/);
    return [
      {
        name: named || method || built || nameBefore(code, start),
        from: lineAt(code, start),
        to: lineAt(code, closing(code, body)),
      },
    ];
  });
}

/** Where the body's brace opens after type parameters, parameters and return type; null without one. */
function bodyAfter(code: string, from: number): number | null {
  const open = code[from] === "<" ? closing(code, from) + 1 : from;
  if (code[open] !== "(") return null;
  const end = closing(code, open) + 1;
  const next = end + code.slice(end).search(/\S/);
  if (code[next] === "{") return next;
  if (code[next] !== ":") return null;
  for (let at = next + 1; at < code.length; at++) {
    const char = code[at] as string;
    if (char === ";" || (char === "=" && code[at + 1] !== ">")) return null;
    if (char === "{" && !/(?:[:|&,<]|=>)\s*$/.test(code.slice(Math.max(0, at - 80), at))) return at;
    if (char === "{" || char === "(" || char === "[") at = closing(code, at);
  }
  return null;
}

const pairs: Readonly<Record<string, string>> = { "{": "}", "(": ")", "[": "]", "<": ">" };

/** The index of the bracket that closes the one at `open`. */
function closing(code: string, open: number): number {
  const opener = code[open] as string;
  const closer = pairs[opener];
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    if (code[at] === opener) depth++;
    else if (code[at] === closer && !(closer === ">" && code[at - 1] === "=")) depth--;
    if (depth === 0) return at;
  }
  return code.length - 1;
}

/** Back from an arrow to its opening parenthesis, so that parameters on lines of their own count. */
function startOfArrow(code: string, arrow: number): number {
  let depth = 0;
  for (let at = arrow - 1; at >= 0; at--) {
    const char = code[at] as string;
    if (char === ")") depth++;
    else if (char === "(" && --depth === 0) return at;
    if (depth < 0 || (depth === 0 && /[=,;{}]/.test(char))) return arrow;
  }
  return arrow;
}

function nameBefore(code: string, start: number): string {
  const line = code.slice(code.lastIndexOf("\n", start) + 1, start);
  return /(?:const|let)?\s*([\w$]+)\s*[:=][^:=]*$/.exec(line)?.[1] ?? "an arrow function";
}

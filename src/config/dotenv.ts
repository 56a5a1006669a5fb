/** Reads files of environment variables, in the format of dotenv and of Node's --env-file. Pure. */

export interface Dotenv {
  readonly variables: ReadonlyMap<string, string>;
  /** Lines, from 1, that are neither an assignment nor a comment; they are left out. */
  readonly strange: readonly number[];
}

const NAME = /[ \t]*(?:export[ \t]+)?([\w.-]{1,1000})(?:[ \t]*=|:[ \t])/y;
const QUOTED = /[ \t]*(?:"((?:\\"|[^"])*)"|'([^']*)'|`([^`]*)`)[ \t]*(?:#[^\n]*)?(?=\n|$)/y;
const PLAIN = /([^#\n]*)(?:#[^\n]*)?/y;

/**
 * `NAME=value` a line, with or without `export`. Values may be quoted, then also over several lines; in
 * double quotes \n and \r are line breaks. "#" begins a comment outside quotes. Nothing is substituted.
 * Of a name given twice the last value counts.
 */
export function parseDotenv(source: string): Dotenv {
  const text = source.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  const variables = new Map<string, string>();
  const strange: number[] = [];
  let line = 1;
  for (let at = 0; at < text.length; ) {
    const name = matchAt(NAME, text, at);
    const value = name === null ? null : valueAt(text, at + name[0].length);
    const end = value?.end ?? endOfLine(text, at);
    if (name !== null && value !== null) variables.set(name[1] ?? "", value.value);
    else if (!/^\s*(?:#|$)/.test(text.slice(at, end))) strange.push(line);
    line += text.slice(at, end).split("\n").length;
    at = end + 1;
  }
  return { variables, strange };
}

interface Value {
  readonly value: string;
  /** Where its line ends. */
  readonly end: number;
}

function valueAt(text: string, at: number): Value {
  const quoted = matchAt(QUOTED, text, at);
  if (quoted !== null) {
    const [all, double, single, back] = quoted;
    const value = double?.replace(/\\([nr])/g, (_, letter) => (letter === "n" ? "\n" : "\r"));
    return { value: value ?? single ?? back ?? "", end: at + all.length };
  }
  const plain = matchAt(PLAIN, text, at);
  return { value: plain?.[1]?.trim() ?? "", end: endOfLine(text, at) };
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** A sticky expression is used afresh: what one call leaves in it must not reach the next. */
function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  const fresh = new RegExp(pattern.source, "y");
  fresh.lastIndex = at;
  return fresh.exec(text);
}

/** One line of a log: what it says of itself, whether it is wanted, and how it is shown. */

import { LOG_LEVELS, prettyRecord } from "./log.ts";
import type { LogSource, LogStream } from "./store.ts";

export interface Line {
  readonly source: LogSource;
  /** With its end. */
  readonly bytes: Buffer;
  /** The fields of a JSON object; null for any other line. */
  readonly fields: Readonly<Record<string, unknown>> | null;
  /** When it was written: its own word, else that of the line before. Milliseconds since 1970; null: unknown. */
  readonly at: number | null;
}

export interface LineFilter {
  /** Milliseconds since 1970. A line that does not know its time passes both. */
  readonly since?: number | null;
  readonly until?: number | null;
  readonly grep?: RegExp | null;
  /** Lines of this level and worse; plain lines have none and do not pass. */
  readonly level?: string | null;
  readonly stream?: LogStream | null;
}

export interface LineStyle {
  /** As they are, byte for byte. */
  readonly raw?: boolean;
  /** One JSON object a line: app, slot, stream, time, and `record` (JSON lines) or `text`. */
  readonly json?: boolean;
  /** `name:slot | ` before each line; not with raw or json. Default true. */
  readonly prefix?: boolean;
  readonly colour?: boolean;
}

const COLOURS = [36, 33, 32, 35, 34, 31];
/** pino's numbers for its levels. */
const LEVEL_NUMBERS: Readonly<Record<string, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
};
const OPENING_BRACE = 0x7b;

/** Reads a line; `before` is the time of the line before it. */
export function readLine(source: LogSource, bytes: Buffer, before: number | null): Line {
  const fields = fieldsOf(bytes);
  return { source, bytes, fields, at: timeOf(fields) ?? before };
}

function fieldsOf(bytes: Buffer): Record<string, unknown> | null {
  if (bytes[0] !== OPENING_BRACE) return null;
  try {
    return JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  } catch {
    // It only looked like JSON.
    return null;
  }
}

function timeOf(fields: Record<string, unknown> | null): number | null {
  const time = fields?.time;
  if (typeof time === "number" && Number.isFinite(time)) return time;
  const parsed = typeof time === "string" ? Date.parse(time) : Number.NaN;
  return Number.isNaN(parsed) ? null : parsed;
}

/** The level's name, null for a line without one. */
function levelOf(fields: Readonly<Record<string, unknown>> | null): string | null {
  const level = fields?.level;
  if (typeof level === "string") return level.toLowerCase();
  if (typeof level !== "number") return null;
  return LOG_LEVELS.findLast((name) => (LEVEL_NUMBERS[name] ?? 0) >= level) ?? String(level);
}

export function isWanted(line: Line, filter: LineFilter): boolean {
  const { since = null, until = null, grep = null, level = null, stream = null } = filter;
  if (stream !== null && line.source.stream !== stream) return false;
  if (line.at !== null && since !== null && line.at < since) return false;
  if (line.at !== null && until !== null && line.at > until) return false;
  if (level !== null) {
    const own = LEVEL_NUMBERS[levelOf(line.fields) ?? ""] ?? -1;
    if (own < (LEVEL_NUMBERS[level.toLowerCase()] ?? 0)) return false;
  }
  if (grep === null) return true;
  // A pattern with /g or /y would go on where it last matched.
  grep.lastIndex = 0;
  return grep.test(textOf(line));
}

export function textOf({ bytes }: Line): string {
  return bytes.toString("utf8").replace(/\r?\n$/, "");
}

/** The line as it is to be shown, its end included; `width` is that of the longest label. */
export function showLine(line: Line, style: LineStyle, width: number): Buffer | string {
  if (style.raw) return line.bytes;
  const { app, slot, stream } = line.source;
  if (style.json) {
    const time = line.at === null ? null : new Date(line.at).toISOString();
    const content = line.fields === null ? { text: textOf(line) } : { record: line.fields };
    return `${JSON.stringify({ app, slot, stream, time, ...content })}\n`;
  }
  const colour = style.colour ?? false;
  const text = prettyOf(line, colour);
  if (style.prefix === false) return text;
  const label = `${labelOf(line.source).padEnd(width)} | `;
  const code = stream === "err" ? 31 : COLOURS[(slot ?? 0) % (COLOURS.length - 1)];
  const prefix = colour ? `\x1b[${code}m${label}\x1b[0m` : label;
  return text.replace(/^(?=[^\n]|\n)/gm, prefix);
}

export function labelOf({ app, slot }: LogSource): string {
  return slot === null ? app : `${app}:${slot}`;
}

function prettyOf(line: Line, colour: boolean): string {
  const { fields } = line;
  const level = levelOf(fields);
  if (fields === null || level === null || line.at === null) return `${textOf(line)}\n`;
  const { pid, hostname, ...rest } = fields;
  return prettyRecord({ ...rest, level, time: new Date(line.at).toISOString() }, colour);
}

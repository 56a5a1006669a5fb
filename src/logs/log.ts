/** The supervisor's own log: pino, as NDJSON for machines and as short lines for people. */

import { Writable } from "node:stream";
import { type Logger, pino } from "pino";

export type { Logger };
export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

export interface LogOptions {
  readonly level: string;
  readonly stream: Writable;
  /** Short lines for people instead of NDJSON. */
  readonly pretty: boolean;
  readonly colour: boolean;
}

/** A pino logger that writes synchronously: a line logged before a crash is in the log. */
export function createLog(options: LogOptions): Logger {
  const destination = options.pretty
    ? prettyStream(options.stream, options.colour)
    : options.stream;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: ["env", "*.env", "*.password", "*.token", "*.authorization"],
    },
    destination,
  );
}

const LEVEL_COLOURS: Readonly<Record<string, number>> = {
  fatal: 41,
  error: 31,
  warn: 33,
  info: 32,
};

function prettyStream(stream: Writable, colour: boolean): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      stream.write(pretty(chunk.toString(), colour));
      done();
    },
  });
}

/** `12:00:01 info  worker ready  slot=0 pid=4711`. */
export function pretty(json: string, colour: boolean): string {
  return prettyRecord(JSON.parse(json) as Record<string, unknown>, colour);
}

/** The same of a record that was read already; the stack of an error follows, indented. */
export function prettyRecord(record: Readonly<Record<string, unknown>>, colour: boolean): string {
  const { level, time, msg = "", ...rest } = record;
  const paint = (code: number, text: string): string =>
    colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  const at = String(time).slice(11, 19);
  const label = paint(LEVEL_COLOURS[String(level)] ?? 90, String(level).padEnd(5));
  const facts = Object.entries(rest)
    .filter(([, value]) => typeof value !== "object")
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(" ");
  const stack = (rest.err as { stack?: unknown } | null | undefined)?.stack;
  const trace = typeof stack === "string" ? `    ${stack.replaceAll("\n", "\n    ")}\n` : "";
  return `${paint(90, at)} ${label} ${String(msg)}${facts ? `  ${paint(90, facts)}` : ""}\n${trace}`;
}

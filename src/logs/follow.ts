/** Shows logs: what is there, and what comes. Runs in the command's own process; the supervisor takes no part. */

import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { LogCursor } from "./cursor.ts";
import { historyOf, LineReader, merge, type Tail } from "./history.ts";
import {
  isWanted,
  type Line,
  type LineFilter,
  type LineStyle,
  labelOf,
  showLine,
} from "./record.ts";
import type { LogSource } from "./store.ts";

export interface FollowOptions extends LineFilter, LineStyle {
  /** How many of the last lines, over all files. Default 15; with `since` all; null for all. */
  readonly lines?: number | null;
  /** Go on until the signal. Default false. */
  readonly follow?: boolean;
  /** Milliseconds between two looks. Default 100. */
  readonly everyMs?: number;
  /** Asked once a second while following: the files there are now, for slots that come later. */
  discover?(): readonly LogSource[] | Promise<readonly LogSource[]>;
}

/** Takes what is shown; nothing more is read until its promise resolves. */
export type LogSink = (text: Buffer) => Promise<void> | void;

const DEFAULT_LINES = 15;
const EVERY_MS = 100;
const DISCOVER_EVERY_MS = 1000;
/** Shown at once at most, so that a slow terminal holds up reading and not memory. */
const BATCH_BYTES = 64 * 1024;

/**
 * Shows the sources' lines in the order in which they were written, as far as they tell. Resolves at the
 * end, or, following, when the signal is aborted. Rejects with what the sink or the system says.
 */
export async function followLogs(
  sources: readonly LogSource[],
  options: FollowOptions,
  sink: LogSink,
  signal?: AbortSignal,
): Promise<void> {
  const show = new Show(sink, options);
  const files = new Map<string, Tail>();
  const know = (source: LogSource): Tail[] => {
    if (files.has(source.path)) return [];
    if (options.stream && options.stream !== source.stream) return [];
    const reader = new LineReader(source, Number.POSITIVE_INFINITY);
    const tail: Tail = { source, cursor: new LogCursor(source.path), reader };
    files.set(source.path, tail);
    show.widen(source);
    return [tail];
  };
  try {
    await showHistory(sources.flatMap(know), options, show, signal);
    if (options.follow) await followAll(files, know, options, show, signal);
  } finally {
    await Promise.all([...files.values()].map(({ cursor }) => cursor.close()));
  }
}

/** A sink for stdout: waits while its reader is slow; a reader that went away rejects with EPIPE. */
export function streamSink(stream: Writable): LogSink {
  return (text) =>
    new Promise((resolve, reject) => {
      stream.write(text, (error) => (error ? reject(error) : resolve()));
    });
}

async function showHistory(
  files: readonly Tail[],
  options: FollowOptions,
  show: Show,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { lines = options.since == null ? DEFAULT_LINES : null } = options;
  const query = { ...options, lines };
  const merged = merge(files.map((tail) => historyOf(tail, query)));
  let last: Line[] = [];
  for await (const line of merged) {
    if (signal?.aborted) return;
    if (lines === null) await show.add(line);
    else {
      last.push(line);
      if (last.length > 2 * lines + 100) last = last.slice(-lines);
    }
  }
  if (!options.follow) last.push(...unfinished(files, query));
  if (lines !== 0) for (const line of last.slice(lines === null ? 0 : -lines)) await show.add(line);
  await show.flush();
}

/** The last lines of files that do not end in one. */
function unfinished(files: readonly Tail[], query: LineFilter): Line[] {
  return files.flatMap(({ reader }) =>
    reader.end().flatMap(({ line }) => (isWanted(line, query) ? [line] : [])),
  );
}

async function followAll(
  files: ReadonlyMap<string, Tail>,
  know: (source: LogSource) => readonly Tail[],
  options: FollowOptions,
  show: Show,
  signal: AbortSignal | undefined,
): Promise<void> {
  let discoveredAt = performance.now();
  while (!signal?.aborted) {
    const lines: Line[] = [];
    for (const { cursor, reader } of files.values()) {
      const chunk = await cursor.next();
      if (chunk) for (const { line } of reader.push(chunk)) lines.push(line);
    }
    // Lines without a time keep the place in which they came: sorting is stable.
    const now = Date.now();
    lines.sort((a, b) => (a.at ?? now) - (b.at ?? now));
    for (const line of lines) if (isWanted(line, options)) await show.add(line);
    await show.flush();
    if (options.discover && performance.now() - discoveredAt > DISCOVER_EVERY_MS) {
      discoveredAt = performance.now();
      for (const source of await options.discover()) know(source);
    }
    if (lines.length === 0)
      await sleep(options.everyMs ?? EVERY_MS, undefined, { ...(signal ? { signal } : {}) }).catch(
        () => undefined,
      );
  }
}

class Show {
  readonly #sink: LogSink;
  readonly #style: LineStyle;
  #parts: Buffer[] = [];
  #bytes = 0;
  #width = 0;

  constructor(sink: LogSink, style: LineStyle) {
    this.#sink = sink;
    this.#style = style;
  }

  widen(source: LogSource): void {
    this.#width = Math.max(this.#width, labelOf(source).length);
  }

  async add(line: Line): Promise<void> {
    const shown = Buffer.from(showLine(line, this.#style, this.#width));
    this.#parts.push(shown);
    this.#bytes += shown.length;
    if (this.#bytes >= BATCH_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#bytes === 0) return;
    const text = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    await this.#sink(text);
  }
}

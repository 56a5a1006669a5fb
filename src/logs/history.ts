/** What is in a log already, oldest first: the last lines, or those since an instant; archives included. */

import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type ArchiveFile, archivesOf } from "./archives.ts";
import { type LogCursor, readArchive } from "./cursor.ts";
import { type LineSplitter, splitLines } from "./lines.ts";
import { isWanted, type Line, type LineFilter, readLine } from "./record.ts";
import type { LogSource } from "./store.ts";

/** A line with its place among those of other files. */
export interface Placed {
  readonly line: Line;
  /** Its time, else that of the file: when the archive was cut, or the log last written. */
  readonly order: number;
}

export interface HistoryQuery extends LineFilter {
  /** How many of the last wanted lines; null for all. */
  readonly lines: number | null;
}

/** A file that is read: what is there first, and what comes from the same cursor and reader. */
export interface Tail {
  readonly source: LogSource;
  readonly cursor: LogCursor;
  /** Holds the line that has no end yet. */
  reader: LineReader;
}

/** What a log held at one moment. */
interface Extent {
  readonly archives: readonly ArchiveFile[];
  readonly start: number;
  readonly end: number;
  readonly writtenAt: number;
}

const FIRST_READ_BYTES = 64 * 1024;
const RETRY_MS = 20;
const MOST_RETRIES = 250;

/** The wanted lines of one file. Once it has ended, cursor and reader stand where following goes on. */
export async function* historyOf(tail: Tail, query: HistoryQuery): AsyncGenerator<Placed> {
  const extent = await extentOf(tail.source.path, tail.cursor);
  if (extent === null) return;
  if (query.lines === null) {
    for (const archive of extent.archives) {
      if (archive.at >= (query.since ?? 0)) yield* archived(tail.source, archive, query);
    }
    yield* live(tail, extent, extent.start, query);
  } else if (query.lines === 0) await tail.cursor.goTo(extent.end);
  else yield* await lastOf(tail, extent, query, query.lines);
}

async function extentOf(path: string, cursor: LogCursor): Promise<Extent | null> {
  for (let tries = 0; tries < MOST_RETRIES; tries++) {
    if (!(await cursor.open())) return null;
    const before = await cursor.bounds();
    const archives = archivesOf(path);
    const after = await cursor.bounds();
    // A rotation between the two looks would show its lines twice or not at all.
    if (before && after && before.start === after.start) {
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
      return { archives, start: after.start, end: after.end, writtenAt: mtimeMs };
    }
    await sleep(RETRY_MS);
  }
  return null;
}

/** Goes back in growing steps until there are enough lines. */
async function lastOf(
  tail: Tail,
  extent: Extent,
  query: HistoryQuery,
  lines: number,
): Promise<readonly Placed[]> {
  let found: Placed[] = [];
  for (let bytes = FIRST_READ_BYTES; ; bytes *= 4) {
    const from = Math.max(extent.start, extent.end - bytes);
    found = await collect(live(tail, extent, from, query), lines);
    if (found.length >= lines || from === extent.start) break;
  }
  for (const archive of [...extent.archives].reverse()) {
    if (found.length >= lines) break;
    const before = await collect(archived(tail.source, archive, query), lines - found.length);
    found = [...before, ...found];
  }
  return found;
}

/** The last `most` of them. */
async function collect(lines: AsyncIterable<Placed>, most: number): Promise<Placed[]> {
  let kept: Placed[] = [];
  for await (const line of lines) {
    kept.push(line);
    if (kept.length >= 2 * most + 100) kept = kept.slice(-most);
  }
  return kept.slice(-most);
}

async function* live(
  tail: Tail,
  extent: Extent,
  from: number,
  query: HistoryQuery,
): AsyncGenerator<Placed> {
  const { cursor } = tail;
  await cursor.goTo(from);
  const reader = new LineReader(tail.source, extent.writtenAt);
  tail.reader = reader;
  let isPartial = from > extent.start;
  for (let retries = 0; cursor.position < extent.end && retries < MOST_RETRIES; ) {
    const chunk = await cursor.next(Math.min(256 * 1024, extent.end - cursor.position));
    if (chunk === null) {
      retries++;
      await sleep(RETRY_MS);
      continue;
    }
    for (const placed of reader.push(chunk)) {
      // The first line of a read in the middle is the end of one.
      if (!isPartial && isWanted(placed.line, query)) yield placed;
      isPartial = false;
    }
  }
}

async function* archived(
  source: LogSource,
  archive: ArchiveFile,
  query: HistoryQuery,
): AsyncGenerator<Placed> {
  const reader = new LineReader(source, archive.at);
  try {
    for await (const chunk of readArchive(archive.path)) {
      for (const placed of reader.push(chunk)) if (isWanted(placed.line, query)) yield placed;
    }
  } catch (error) {
    // Deleted since it was listed, to make room.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  for (const placed of reader.end()) if (isWanted(placed.line, query)) yield placed;
}

/** Cuts bytes into lines that know their time and source. */
export class LineReader {
  readonly #source: LogSource;
  readonly #splitter: LineSplitter;
  readonly #fallback: number;
  #found: Placed[] = [];
  #at: number | null = null;

  constructor(source: LogSource, fallback: number) {
    this.#source = source;
    this.#fallback = fallback;
    this.#splitter = splitLines((bytes) => {
      const line = readLine(this.#source, bytes, this.#at);
      this.#at = line.at;
      this.#found.push({ line, order: line.at ?? this.#fallback });
    });
  }

  push(chunk: Buffer): readonly Placed[] {
    this.#splitter.push(chunk);
    return this.#take();
  }

  end(): readonly Placed[] {
    this.#splitter.end();
    return this.#take();
  }

  #take(): readonly Placed[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }
}

/** Several files as one: always the line that is next in time. */
export async function* merge(files: readonly AsyncGenerator<Placed>[]): AsyncGenerator<Line> {
  const heads = await Promise.all(files.map((file) => file.next()));
  for (;;) {
    let first = -1;
    let earliest = Number.POSITIVE_INFINITY;
    heads.forEach((head, index) => {
      if (head.done || (first >= 0 && head.value.order >= earliest)) return;
      first = index;
      earliest = head.value.order;
    });
    const head = heads[first];
    const file = files[first];
    if (!head || head.done || !file) return;
    yield head.value.line;
    heads[first] = await file.next();
  }
}

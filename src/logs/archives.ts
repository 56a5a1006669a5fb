/** Archives: what a log file was cut into, `0-out.log.20261121T071900Z.gz` beside `0-out.log`. */

import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export interface ArchiveFile {
  readonly path: string;
  /** When it was cut. Milliseconds since 1970. */
  readonly at: number;
}

const STAMP = /\.(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-(\d+))?(?:\.gz)?$/;

/** The live file an archive was cut from, and when; null for any other name. */
export function archiveOf(path: string): { readonly log: string; readonly at: number } | null {
  const found = STAMP.exec(path);
  if (!found) return null;
  const [whole, year, month, day, hour, minute, second, nth = "0"] = found;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Archives of one second are in order by their number.
  return { log: path.slice(0, -whole.length), at: at + Math.min(999, Number(nth)) };
}

/** The archives of a log file, oldest first. Throws what `readdir` throws. */
export function archivesOf(log: string): readonly ArchiveFile[] {
  const folder = dirname(log);
  const byCut = new Map<number, ArchiveFile>();
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${basename(log)}.`)) continue;
    const found = archiveOf(join(folder, name));
    if (found?.log !== log) continue;
    // Between compressing and deleting there are two of the same.
    const isCompressed = name.endsWith(".gz");
    if (!byCut.has(found.at) || isCompressed)
      byCut.set(found.at, { path: join(folder, name), at: found.at });
  }
  return [...byCut.values()].sort((a, b) => a.at - b.at);
}

/** A name for an archive cut now that no archive has, compressed or not. */
export function newArchiveName(log: string, now: Date): string {
  const stamp = now.toISOString().replace(/\.\d+/, "").replace(/[-:]/g, "");
  const base = `${basename(log)}.${stamp}`;
  for (let nth = 0; ; nth++) {
    const name = nth === 0 ? base : `${base}-${nth}`;
    const path = join(dirname(log), name);
    if (!existsSync(path) && !existsSync(`${path}.gz`)) return name;
  }
}

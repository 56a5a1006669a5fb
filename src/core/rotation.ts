/** Which log file is to be rotated now, and which archives have to go. Pure. */

/** When logs are rotated and how much of them is kept. */
export interface RotationPolicy {
  /** A file is rotated once it holds this many bytes. Default 10 MiB: an editor still opens it. */
  readonly maxSizeBytes: number;
  /** Archives kept of each file. Default 10. */
  readonly maxFiles: number;
  /** Archives older than this go. Days; null keeps them by number and size alone. Default 30. */
  readonly maxAgeDays: number | null;
  /** All archives of one app together. Default 1 GiB: a small disk survives several noisy apps. */
  readonly maxTotalBytes: number;
  /** Free space on the disk below which archives go, oldest first. Default 64 MiB: room for the copies of six files. */
  readonly minFreeBytes: number;
  /** Archives are compressed with gzip. Default true: log text shrinks to about a tenth. */
  readonly compress: boolean;
}

export const ROTATION_DEFAULTS: RotationPolicy = {
  maxSizeBytes: 10 * 1024 ** 2,
  maxFiles: 10,
  maxAgeDays: 30,
  maxTotalBytes: 1024 ** 3,
  minFreeBytes: 64 * 1024 ** 2,
  compress: true,
};

/** A file that workers write to. */
export interface LiveLog {
  readonly path: string;
  /** Bytes that are in no archive yet. */
  readonly bytes: number;
}

export interface Archive {
  readonly path: string;
  readonly app: string;
  /** The live file it was cut from. */
  readonly of: string;
  /** As it lies on the disk, compressed or not. */
  readonly bytes: number;
  /** When it was cut. Milliseconds since 1970. */
  readonly at: number;
}

/** Which archives go, and why; the reasons are for the log. */
export interface Deletion {
  readonly archive: Archive;
  readonly why: "number" | "age" | "total" | "disk";
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** The files to rotate now, the fullest first: on a short disk it frees most. */
export function filesToRotate(
  files: readonly LiveLog[],
  policy: Pick<RotationPolicy, "maxSizeBytes">,
): readonly LiveLog[] {
  return files
    .filter(({ bytes }) => bytes >= policy.maxSizeBytes)
    .sort((a, b) => b.bytes - a.bytes || compare(a.path, b.path));
}

/**
 * The archives to delete: beyond the number kept of each file, too old, beyond an app's total, and,
 * while the disk is short, the oldest of all until `minFreeBytes` are free. Each once; oldest first.
 */
export function archivesToDelete(
  archives: readonly Archive[],
  policy: RotationPolicy,
  now: { readonly at: number; readonly freeBytes: number },
): readonly Deletion[] {
  const newestFirst = [...archives].sort((a, b) => b.at - a.at || compare(b.path, a.path));
  const seen = new Map<string, number>();
  const totals = new Map<string, number>();
  const doomed: Deletion[] = [];
  const kept: Archive[] = [];
  for (const archive of newestFirst) {
    const nth = (seen.get(archive.of) ?? 0) + 1;
    const total = (totals.get(archive.app) ?? 0) + archive.bytes;
    seen.set(archive.of, nth);
    totals.set(archive.app, total);
    const why = reasonToDelete(archive, nth, total, policy, now.at);
    if (why === null) kept.push(archive);
    else doomed.push({ archive, why });
  }
  let free = now.freeBytes + doomed.reduce((sum, { archive }) => sum + archive.bytes, 0);
  for (const archive of kept.reverse()) {
    if (free >= policy.minFreeBytes) break;
    free += archive.bytes;
    doomed.push({ archive, why: "disk" });
  }
  return doomed.sort(
    (a, b) => a.archive.at - b.archive.at || compare(a.archive.path, b.archive.path),
  );
}

function reasonToDelete(
  archive: Archive,
  nth: number,
  total: number,
  policy: RotationPolicy,
  at: number,
): Deletion["why"] | null {
  if (nth > policy.maxFiles) return "number";
  if (policy.maxAgeDays !== null && at - archive.at > policy.maxAgeDays * DAY_MS) return "age";
  return total > policy.maxTotalBytes ? "total" : null;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** UNIX socket paths longer than the kernel takes, for who cannot wait. */

import { closeSync, openSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** sun_path holds 108 bytes on Linux, the ending NUL included (unix(7)). */
const LONGEST_BYTES = 107;

/**
 * Calls `use` with a path that fits: on Linux a longer one is reached through a descriptor of its folder. Throws what
 * the system says of the folder.
 */
export function withShortPath<T>(path: string, use: (path: string) => T): T {
  if (Buffer.byteLength(path) <= LONGEST_BYTES || process.platform !== "linux") return use(path);
  const folder = openSync(dirname(path), "r");
  try {
    return use(join(`/proc/self/fd/${folder}`, basename(path)));
  } finally {
    closeSync(folder);
  }
}

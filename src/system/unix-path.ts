/** UNIX socket paths longer than the kernel takes. */

import { closeSync, openSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** sun_path holds 108 bytes on Linux and 104 on macOS, the ending NUL included (unix(7)). */
export const LONGEST_UNIX_PATH_BYTES = process.platform === "linux" ? 107 : 103;

/** Never there: descriptors are numbers. */
const NOWHERE = "/proc/self/fd/none";

/**
 * Calls `use` with a path that fits: on Linux a longer one is reached through a descriptor of its
 * folder, and where that is not there as a path that is not there either. Elsewhere it is left as it is, and the kernel will refuse it.
 */
export async function withUnixPath<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= LONGEST_UNIX_PATH_BYTES || process.platform !== "linux") {
    return use(path);
  }
  const folder = open(dirname(path));
  // What is missing is missing by a shorter name, too.
  if (folder === null) return use(join(NOWHERE, basename(path)));
  try {
    return await use(join(`/proc/self/fd/${folder}`, basename(path)));
  } finally {
    closeSync(folder);
  }
}

/** Null where the folder is not there; throws what else the system says. */
function open(folder: string): number | null {
  try {
    return openSync(folder, "r");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}

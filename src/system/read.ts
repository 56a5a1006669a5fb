/** Reads small text files of the kernel. */

import { readFileSync } from "node:fs";

/** The text of a file, null where it cannot be read. Never throws. */
export type Read = (path: string) => string | null;

export const readText: Read = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
};

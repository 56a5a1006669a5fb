/** Reads where output goes. Pure. */

import { accept, type Kind, optional, path, refuse } from "./kinds.ts";

const file = optional(path("a file"));

/** Null: the default. "NULL" is PM2's other name for /dev/null; true and false are refused with it. */
export const logFileKind: Kind<string | null> = {
  ...file,
  expected: 'a file ("/dev/null" keeps nothing), or null for the one in the home directory',
  read: (value) => {
    if (value === "NULL") return accept("/dev/null");
    const reading = file.read(value);
    return reading.ok ? reading : refuse(value, logFileKind.expected);
  },
  show: (value) => value ?? "a file in the home directory",
};

/** Flags whose value may be left out. Pure. */

import type { OptionalValue } from "../../config/describe.ts";

/**
 * The command line with every such flag's value written out: commander takes the next word for it, whatever
 * it is, and in `--sticky server.js` that is the script. Behind `--` nothing is a flag.
 */
export function writtenOut(
  argv: readonly string[],
  values: readonly OptionalValue[],
): readonly string[] {
  const end = argv.indexOf("--");
  return argv.map((word, at) => {
    const found = values.find(({ flag }) => flag === word);
    if (found === undefined || (end >= 0 && at > end)) return word;
    return found.matches.test(argv[at + 1] ?? "") ? word : `${word}=true`;
  });
}

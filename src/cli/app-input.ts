/** Command-line flags as configuration input. Pure: what is wrong with a value the parser says. */

import { OPTIONS } from "../config/options.ts";

/** Others are the command's own: `--metrics` is no option of an app. */
const NAMES = Object.values(OPTIONS)
  .filter(({ cli }) => cli !== null)
  .map(({ name }) => name);

/** Of the flags those that are options of an app; others are the command's own. */
export function appInput(
  script: string,
  args: readonly string[],
  flags: Record<string, unknown>,
): Record<string, unknown> {
  const options = Object.entries(flags).filter(([name]) => NAMES.includes(name));
  return { ...Object.fromEntries(options), script, args };
}

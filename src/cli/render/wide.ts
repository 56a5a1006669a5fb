/** How many columns a character takes that is not plain. */

import { createRequire } from "node:module";
import type { eastAsianWidth } from "get-east-asian-width";

/** Unicode's table is loaded with the first character that needs it: most commands show none, and it takes milliseconds. */
export function wideWidthOf(codePoint: number): number {
  const load = createRequire(import.meta.url);
  const table: { eastAsianWidth: typeof eastAsianWidth } = load("get-east-asian-width");
  return table.eastAsianWidth(codePoint);
}

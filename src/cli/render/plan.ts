/** What a command would change, or is changing. Pure. */

import { type Colour, paint } from "./colour.ts";
import { harmless } from "./text.ts";

/** Lines of `Applied.plan`, one each: green what is new, red what goes. Nothing to do is said too. */
export function renderPlan(lines: readonly string[], { colour }: { colour: boolean }): string {
  if (lines.length === 0) return "nothing to change\n";
  return lines.map((line) => `${paint(harmless(line), colourOf(line), colour)}\n`).join("");
}

function colourOf(line: string): Colour {
  if (/^\S+: start\b/.test(line)) return "green";
  return /^\S+: remove$/.test(line) ? "red" : "yellow";
}

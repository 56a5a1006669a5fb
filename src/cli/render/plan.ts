/** What a command would change, or is changing. Pure. */

import { type Colour, paint } from "./colour.ts";
import { harmless } from "./text.ts";

/** A line each; signs at their beginning ("+", "-", "~") decide the colour. Nothing to do is said too. */
export function renderPlan(lines: readonly string[], { colour }: { colour: boolean }): string {
  if (lines.length === 0) return "nothing to change\n";
  return lines.map((line) => `${paintPlan(harmless(line), colour)}\n`).join("");
}

const SIGNS: Readonly<Record<string, Colour>> = { "+": "green", "-": "red", "~": "yellow" };

function paintPlan(line: string, isOn: boolean): string {
  const colour = SIGNS[line.charAt(0)];
  return colour === undefined ? line : paint(line, colour, isOn);
}

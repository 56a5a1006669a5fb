/** Checks for people. Pure. */

import { type Colour, paint } from "../render/colour.ts";
import { harmless } from "../render/text.ts";
import type { Check } from "./facts.ts";

const MARKS: Readonly<Record<Check["status"], readonly [string, Colour]>> = {
  ok: ["✓ ok  ", "green"],
  warn: ["! warn", "yellow"],
  fail: ["✗ fail", "red"],
};

/** A line for each check, its fix below it, and the sum. */
export function renderChecks(checks: readonly Check[], colour: boolean): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, what, fix }) => {
    const [mark, ink] = MARKS[status];
    const line = `${paint(mark, ink, colour)}  ${name.padEnd(width)}  ${harmless(what)}`;
    return fix === null ? [line] : [line, `${" ".repeat(width + 10)}fix: ${harmless(fix)}`];
  });
  const count = (status: Check["status"]): number =>
    checks.filter((check) => check.status === status).length;
  return `${lines.join("\n")}\n${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} to mend\n`;
}

/** What the pure rooms may not touch: the clock, chance, timers, the process, anything that waits. */
import type { Fault } from "./fault.ts";
import { matches, type Source } from "./source.ts";

const impure: readonly { readonly pattern: RegExp; readonly mend: string }[] = [
  {
    pattern: /(?<![.\w$])Date\b|(?<![.\w$])performance\s*\./g,
    mend: "The clock arrives on the event; take the instant from there",
  },
  {
    pattern: /\bMath\s*\.\s*random\b|(?<![.\w$])crypto\s*\./g,
    mend: "Chance is passed in as a number by the caller",
  },
  {
    pattern: /(?<![.\w$])(?:set(?:Timeout|Interval|Immediate)|queueMicrotask)\b/g,
    mend: "Put a deadline into the state; the shell arms the one timer",
  },
  {
    pattern: /(?<![.\w$])process\s*\??\./g,
    mend: "Take what you need as an argument; the shell reads the process",
  },
  {
    pattern: /(?<![.\w$])console\s*\./g,
    mend: "Return it as an effect or in the result; the shell reports",
  },
  {
    pattern: /(?<![.\w$])(?:async|await)\b(?!\s*\??:)|(?<![.\w$])new\s+Promise\b/g,
    mend: "Decide now from plain data; the shell waits and comes back with an event",
  },
];

const PURE_ROOMS = ["src/core/", "src/config/"] as const;

export function purityFaults(files: readonly Source[]): Fault[] {
  return files
    .filter((file) => PURE_ROOMS.some((room) => file.path.startsWith(room)))
    .flatMap((file) =>
      impure.flatMap(({ pattern, mend }) =>
        matches(file, pattern).map(({ text, line }) => ({
          rule: "purity",
          file: file.path,
          line,
          what: `"${text}" in a pure room`,
          mend,
        })),
      ),
    );
}

/** What makes a test suite lie: tests left out, tries repeated, ports and waits that are guesses. */
import type { Fault } from "./fault.ts";
import { lineAt, type Source } from "./source.ts";

interface Ban {
  readonly rule: string;
  readonly pattern: RegExp;
  readonly mend: string;
  /** Folders the ban does not reach. */
  readonly allowedIn?: readonly string[];
}

const bans: readonly Ban[] = [
  {
    rule: "no-only",
    pattern: /(?<=[\w)])\.only\b/g,
    mend: "Remove it: the other tests of the file do not run",
  },
  {
    rule: "no-retry",
    pattern: /(?<![.\w$])retry\s*:/g,
    mend: "Find out why it fails sometimes; a second try hides it",
  },
  {
    rule: "no-fixed-port",
    pattern: /\.listen\(\s*(?:\{[^}]*?\bport\s*:\s*)?[1-9]\d*/g,
    mend: "Listen on port 0 and ask the server for its address",
  },
  {
    rule: "no-sleep",
    pattern:
      /\bawait\s+new\s+Promise\s*(?:<[^>]*>)?\(\s*\(?[^()=]*\)?\s*=>\s*\{?\s*(?:void\s+)?setTimeout\b/g,
    mend: "Wait for the thing itself (test/support has waits that poll and say what they waited for)",
    allowedIn: ["test/support/"],
  },
];

export function testFaults(files: readonly Source[]): Fault[] {
  return files.flatMap((file) => [
    ...bans
      .filter(({ allowedIn = [] }) => !allowedIn.some((folder) => file.path.startsWith(folder)))
      .flatMap(({ rule, pattern, mend }) =>
        [...file.code.matchAll(pattern)].map((match) => ({
          rule,
          file: file.path,
          line: lineAt(file.code, match.index),
          what: `"${match[0].replace(/\s+/g, " ").trim()}"`,
          mend,
        })),
      ),
    ...skipFaults(file),
  ]);
}

const reasonLength = 8;

/**
 * A test that is left out says why: `context.skip(condition, "reason")`, or, where the call has
 * only the test's name (`it.skip`, `it.skipIf(...)`), a comment `// skip: reason` on its line or
 * the one above.
 */
function skipFaults(file: Source): Fault[] {
  const lines = file.text.split("\n");
  return [...file.code.matchAll(/([\w$)]+)\.(skip|skipIf|runIf|todo)\s*\(([^;]*)/g)].flatMap(
    (match) => {
      const line = lineAt(file.code, match.index);
      const near = `${lines[line - 2] ?? ""}\n${lines[line - 1]}`;
      if (/\/\/ skip: \S.{7}/.test(near)) return [];
      const namesTest =
        match[2] !== "skip" || /^(?:it|test|describe|suite|bench|\))$/.test(match[1] ?? "");
      const longest = Math.max(
        0,
        ...[...(match[3] ?? "").matchAll(/["'`]( *)["'`]/g)].map((s) => s[1]?.length ?? 0),
      );
      if (!namesTest && longest >= reasonLength) return [];
      return [
        {
          rule: "no-silent-skip",
          file: file.path,
          line,
          what: `"${match[1]}.${match[2]}" without a reason`,
          mend: 'Say why in a string (context.skip(condition, "reason")) or in a comment "// skip: reason" above',
        },
      ];
    },
  );
}

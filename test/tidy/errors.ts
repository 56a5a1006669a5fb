/** Every error code is documented, with its exit status, and provoked by a test. */
import type { Fault } from "./fault.ts";
import { lineAt, type Source } from "./source.ts";

const table = "src/errors.ts";
const page = "docs/errors.md";

export type ErrorTable = Readonly<Record<string, { readonly exitStatus: number }>>;

/** Compares the table with the page: a section `### CODE` each, which says `Exit status N`. */
export function errorPageFaults(errors: ErrorTable, text: string): Fault[] {
  const sections = new Map(
    text
      .split(/^(?=### )/m)
      .flatMap((part) => (part.startsWith("### ") ? [[/### (\S+)/.exec(part)?.[1], part]] : []))
      .map(([code, part]) => [code as string, part as string]),
  );
  const rule = "errors-documented";
  const missing = Object.entries(errors).flatMap(([code, { exitStatus }]) => {
    const section = sections.get(code);
    const line = section === undefined ? 1 : lineAt(text, text.indexOf(section));
    if (section === undefined) {
      const what = `${code} of ${table} has no section`;
      return [{ rule, file: page, line, what, mend: `Add "### ${code}": meaning, what to do` }];
    }
    if (new RegExp(`^Exit status ${exitStatus}\\b`, "m").test(section)) return [];
    const what = `${code} does not say "Exit status ${exitStatus}", which is what ${table} has`;
    return [{ rule, file: page, line, what, mend: "Correct the status on a line of its own" }];
  });
  const gone = [...sections].flatMap(([code, section]) =>
    code in errors
      ? []
      : [
          {
            rule,
            file: page,
            line: lineAt(text, text.indexOf(section)),
            what: `${code} is not in ${table}`,
            mend: "Remove the section, or put the code back: a code is never renamed",
          },
        ],
  );
  return [...missing, ...gone];
}

export function errorTestFaults(
  errors: ErrorTable,
  source: Source,
  tests: readonly Source[],
): Fault[] {
  return Object.keys(errors)
    .filter((code) => !tests.some((file) => new RegExp(`\\b${code}\\b`).test(file.text)))
    .map((code) => ({
      rule: "errors-tested",
      file: table,
      line: lineAt(source.text, source.text.indexOf(code)),
      what: `no test provokes ${code}`,
      mend: "Add a test that makes it happen and expects the code",
    }));
}

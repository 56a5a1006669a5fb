/** One breach of a rule, told so that whoever meets it can mend it without reading the rule. */
export interface Fault {
  readonly rule: string;
  readonly file: string;
  readonly line: number;
  readonly what: string;
  readonly mend: string;
}

export function told(faults: readonly Fault[]): string[] {
  return faults.map(
    ({ rule, file, line, what, mend }) => `${file}:${line} [${rule}] ${what}. ${mend}`,
  );
}

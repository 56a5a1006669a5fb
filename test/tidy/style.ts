/** Habits held everywhere in `src`: named exports, real types, names that say something, no hidden state. */
import type { Fault } from "./fault.ts";
import { matches, type Source } from "./source.ts";

const habits: readonly {
  readonly rule: string;
  readonly pattern: RegExp;
  readonly mend: string;
}[] = [
  {
    rule: "no-default-export",
    pattern: /\bexport\s+default\b|\bas\s+default\b/g,
    mend: "Export it by name",
  },
  {
    rule: "no-any",
    pattern: /(?<![.\w$])any\b(?!\s*[:(])/g,
    mend: 'Say the type, or "unknown" and narrow it',
  },
];

const emptyName = /(?:^|[-/.])(?:utils?|helpers?|common|misc)(?=[-/.]|$)/;

export function styleFaults(files: readonly Source[]): Fault[] {
  return files.flatMap((file) => [
    ...habits.flatMap(({ rule, pattern, mend }) =>
      matches(file, pattern).map(({ text, line }) => ({
        rule,
        file: file.path,
        line,
        what: `"${text}"`,
        mend,
      })),
    ),
    ...nameFaults(file),
    ...stateFaults(file),
  ]);
}

function nameFaults({ path }: Source): Fault[] {
  const name = emptyName.exec(path)?.[0];
  if (name === undefined) return [];
  return [
    {
      rule: "names",
      file: path,
      line: 1,
      what: `the name "${name.replace(/^[-/.]/, "")}" says nothing about what is inside`,
      mend: "Name the file after its main export, and put each function where it belongs",
    },
  ];
}

/** `let` and `var` outside every brace. */
function stateFaults(file: Source): Fault[] {
  let depth = 0;
  return file.code.split("\n").flatMap((text, index) => {
    const outside = depth === 0;
    depth += text.replace(/[^{([]/g, "").length - text.replace(/[^})\]]/g, "").length;
    if (!outside || !/^(?:export\s+)?(?:let|var)\b/.test(text)) return [];
    return [
      {
        rule: "no-module-state",
        file: file.path,
        line: index + 1,
        what: `"${text.trim()}" outlives every caller`,
        mend: "Keep it in the object or closure that owns it",
      },
    ];
  });
}

/**
 * The commands that are typed most, when they are written plainly, are understood without commander: it takes
 * longer to load than they take to answer. Whatever is not plain (help, a fault, a form such as `-ojson`) is
 * left to it, so that there is one place which explains. Pure but for loading the command.
 */

import type { Flags } from "./command.ts";

interface Plain {
  /** The command's own name, not its alias. */
  readonly command: keyof typeof COMMANDS;
  readonly words: readonly string[];
  readonly flags: Flags;
}

/** Flags by the key they are kept under; those with a value take the next word. */
const VALUES: Readonly<Record<string, string>> = {
  "--home": "home",
  "--timeout": "timeout",
  "-o": "output",
  "--output": "output",
};
const SWITCHES: Readonly<Record<string, readonly [key: string, value: boolean]>> = {
  "--json": ["json", true],
  "-q": ["quiet", true],
  "--quiet": ["quiet", true],
  "--color": ["color", true],
  "--no-color": ["color", false],
};

interface Quick {
  readonly takesWords: boolean;
  readonly values: Readonly<Record<string, string>>;
  readonly defaults: Flags;
}

const COMMANDS = {
  list: { takesWords: true, values: { "--columns": "columns" }, defaults: {} },
  jlist: { takesWords: false, values: {}, defaults: {} },
  status: {
    takesWords: true,
    values: { "-n": "lines", "--lines": "lines" },
    defaults: { lines: "10" },
  },
} as const satisfies Record<string, Quick>;

const NAMES: ReadonlyMap<string, Plain["command"]> = new Map([
  ["list", "list"],
  ["ls", "list"],
  ["ps", "list"],
  ["jlist", "jlist"],
  ["status", "status"],
  ["describe", "status"],
  ["show", "status"],
]);

/** What a command line means, exactly as commander would have it; null where that is commander's to say. */
export function plainly([name = "", ...rest]: readonly string[]): Plain | null {
  const command = NAMES.get(name);
  if (command === undefined) return null;
  const { takesWords, values, defaults }: Quick = COMMANDS[command];
  const flags: Flags = { ...defaults };
  const words: string[] = [];
  const left = [...rest];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const valued = ownOf(VALUES, word) ?? ownOf(values, word);
    const switched = ownOf(SWITCHES, word);
    if (valued !== undefined) {
      const value = left.shift();
      if (value === undefined || value.startsWith("-")) return null;
      flags[valued] = value;
    } else if (switched !== undefined) flags[switched[0]] = switched[1];
    else if (word.startsWith("-") || !takesWords) return null;
    else words.push(word);
  }
  return { command, words, flags: { ...flags, colorGiven: "color" in flags } };
}

/** Runs what was written plainly; null where it was not. Rejects with what the command throws. */
export async function runPlain(argv: readonly string[]): Promise<number | null> {
  const plain = plainly(argv);
  if (plain === null) return null;
  const { command, words, flags } = plain;
  const { listCommand, jlistCommand, statusCommand } = await import("../commands/look.ts");
  if (command === "list") return listCommand(words, flags);
  return command === "jlist" ? jlistCommand(flags) : statusCommand(words, flags);
}

function ownOf<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Renders the table of options: docs/options.md and what the command line needs. Pure. */

import { type Option, written } from "./options.ts";

/** One flag as the command line declares it, e.g. `-i, --instances <n|max|-1|50%|2..8>`. */
export interface CliOption {
  readonly flags: string;
  /** With the default in parentheses; the parser applies it, so the command line needs none. */
  readonly description: string;
  /** May be given several times; the values make a list. */
  readonly repeatable: boolean;
  /** What a value looks like where it may be left out: `--sticky [by]`. Null elsewhere. */
  readonly optional: OptionalValue | null;
}

export interface OptionalValue {
  readonly flag: string;
  readonly matches: RegExp;
}

/** The flags of commands that take an app, in the order of the table. */
export function cliOptions(): readonly CliOption[] {
  return written().flatMap((option) => {
    const flags = flagsOf(option);
    if (flags === null || option.cli === null || "words" in option.cli) return [];
    const description = `${sentence(option.description)} (default: ${plain(defaultOf(option))})`;
    const { flag, repeatable = false, optional: matches } = option.cli;
    return [{ flags, description, repeatable, optional: matches ? { flag, matches } : null }];
  });
}

/** The text of docs/options.md. */
export function optionsMarkdown(): string {
  const head = `# Options of an app

Generated from \`src/config/options.ts\`; do not edit. A configuration is one app, a list of apps, or
\`{ "apps": [...] }\`. Durations are milliseconds as a number, or text with a unit: \`"500ms"\`, \`"30s"\`,
\`"2m"\`, \`"1h"\`. PM2's names are accepted for what they mean here, also in camelCase; one option under
two names is a fault, and so is an unknown key.

| option | default | command line | PM2 |
|---|---|---|---|
`;
  return `${head}${written().map(row).join("\n")}\n\n${written().map(section).join("\n\n")}\n`;
}

function row(option: Option<unknown>): string {
  const link = `[\`${option.name}\`](#${option.name.toLowerCase()})`;
  const cells = [link, defaultOf(option), usageCode(option), aliases(option)];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function section(option: Option<unknown>): string {
  const why = option.why === "" ? "" : `, because ${option.why}`;
  const lines = [
    `## ${option.name}`,
    "",
    option.description,
    "",
    `- Accepts ${option.kind.expected}.`,
    `- Default: ${defaultOf(option)}${why}.`,
    `- Command line: ${usageCode(option) || "none, in a configuration file only"}`,
  ];
  if (option.pm2.length > 0) lines.push(`- PM2: ${aliases(option)}`);
  return lines.join("\n");
}

function defaultOf(option: Option<unknown>): string {
  if (option.default === undefined) return option.derived ?? "none, it is required";
  const shown = option.kind.show(option.default);
  return shown === "none" ? shown : code(shown);
}

function usageOf(option: Option<unknown>): string | null {
  if (option.cli === null) return null;
  return "words" in option.cli ? option.cli.words : flagsOf(option);
}

function usageCode(option: Option<unknown>): string {
  const usage = usageOf(option);
  return usage === null ? "" : code(usage);
}

function flagsOf({ cli }: Option<unknown>): string | null {
  if (cli === null || "words" in cli) return null;
  const short = cli.short === undefined ? "" : `${cli.short}, `;
  const [open, close] = cli.optional ? "[]" : "<>";
  const placeholder = cli.placeholder === undefined ? "" : ` ${open}${cli.placeholder}${close}`;
  return `${short}${cli.flag}${placeholder}`;
}

function aliases(option: Option<unknown>): string {
  return option.pm2.map(({ name }) => code(name)).join(", ");
}

function code(text: string): string {
  return `\`${text}\``;
}

/** For a terminal, where backquotes are noise. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}

function sentence(text: string): string {
  return plain(text).replace(/\.$/, "");
}

/** Renders docs/ecosystem.md: what becomes of each key of a PM2 ecosystem file. Pure. */

import { type Option, written } from "./options.ts";
import { PM2_FILE_NOTES, PM2_NOTES, PM2_PARTS } from "./pm2.ts";

/** What has to be said about a key beside its option. */
const REMARKS: ReadonlyMap<string, string> = new Map([
  ["wait_ready", '`true` is `ready: "message"`'],
  ["exp_backoff_restart_delay", "`0` is the default: there always is a backoff"],
  ["listen_timeout", "a worker that is not ready by then has failed, here"],
  ["kill_timeout", "includes the time in which requests come to their end"],
  ["cron_restart", "reloads, and for all instances once; `0` switches it off"],
  ["max_memory_restart", "the worker is replaced without losing a request"],
  ["exec_interpreter", "a Node binary only; another interpreter is a fault"],
  ["exec_mode", "`cluster_mode` and `fork_mode` too"],
  ["env_file", "not a key of PM2's, written as its keys are"],
  ["out_file", '`"/dev/null"` and `"NULL"` keep nothing'],
]);

const HEAD = `# Ecosystem files, and moving from PM2

Generated from the tables in \`src/config\`; do not edit.

Without a name, \`holdfast.config.*\` is looked for before \`ecosystem.config.*\`, each as \`.ts\`, \`.mts\`,
\`.js\`, \`.mjs\`, \`.cjs\` and \`.json\`. Any other name can be given, and \`-\` is JSON from standard input.

- JSON may have comments, trailing commas, single quotes and keys without quotes. \`"$schema"\` may name
  \`schema.json\` of this package, for an editor's sake.
- JavaScript of every module kind exports the configuration (\`module.exports\`, \`export default\`, or
  \`export const apps\`), or a function or promise that gives it. It is run anew, in a process of its own, each
  time it is read; what it prints goes to standard error. \`defineConfig()\` of the package gives it a type.
- TypeScript needs a Node that strips types (22.6 or later). YAML is not read.
- Relative paths (\`cwd\`, \`envFile\`) start at the file's folder; \`script\`, \`outFile\` and \`errorFile\` at \`cwd\`.

## What differs from PM2

- In files named \`ecosystem.*\`, \`instances\` left out means 1 and \`0\` means every CPU, as in PM2. In all other
  files it means [\`max\`](options.md#instances), and 0 is a fault.
- All that is left out besides has the default of [Holdfast](options.md), not of PM2.
- An unknown key is a fault, with the option it probably means; PM2 passes it over. A PM2 key without
  effect here is a note, told once for a file.
- \`env_<name>\` goes over \`env\`, which goes over \`envFile\`; \`port\` goes over all of them. A name that no app has
  is a fault. Variables whose value is undefined are left out.
- \`dependsOn\` names apps of the same file; circles are faults.

## Beside the apps

| key | here |
|---|---|
| \`apps\` | a list of apps, or one app |
| \`pm2\` | another name for \`apps\` |
| \`heir\` | \`false\`: no standby process for a [background supervisor](no-single-point.md) that is killed |
`;

/** The text of docs/ecosystem.md. */
export function ecosystemMarkdown(): string {
  const beside = [...PM2_FILE_NOTES].map(([key, note]) => row(key, note));
  const keys = [...written().flatMap(optionRows), row("env_<name>", link("env")), ...partRows()];
  return [
    `${HEAD}${beside.join("\n")}`,
    "## Keys of an app that are read",
    "Each is also read in camelCase. Options that have no name in PM2 are in [the list of options](options.md).",
    `| PM2 | here |\n|---|---|\n${keys.sort().join("\n")}`,
    "## Keys of an app without effect",
    `| PM2 | what to do instead |\n|---|---|\n${[...PM2_NOTES].map(([key, note]) => row(key, note)).join("\n")}\n`,
  ].join("\n\n");
}

/** PM2 keys that Holdfast has under the same name. */
const SAME: ReadonlySet<string> = new Set(
  "script name namespace args cwd env instances uid gid port autorestart autostart watch cron interpreter".split(
    " ",
  ),
);

function optionRows({ name, pm2 }: Option<unknown>): readonly string[] {
  const own = SAME.has(name) ? [row(name, link(name))] : [];
  return [...own, ...pm2.map((alias) => row(alias.name, remark(alias.name, name)))];
}

function partRows(): readonly string[] {
  return [...PM2_PARTS].map(([key, { becomes }]) => row(key, becomes));
}

function remark(key: string, option: string): string {
  const found = REMARKS.get(key);
  return found === undefined ? link(option) : `${link(option)}: ${found}`;
}

function link(option: string): string {
  return `[\`${option}\`](options.md#${option.toLowerCase()})`;
}

function row(key: string, text: string): string {
  return `| \`${key}\` | ${text.replaceAll("|", "\\|")} |`;
}

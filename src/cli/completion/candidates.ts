/** What may come next on a command line. Pure. */

export interface CommandShape {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly flags: readonly FlagShape[];
}

export interface FlagShape {
  /** `--home`, `-q`. */
  readonly names: readonly string[];
  readonly takesValue: boolean;
}

/** What follows a command's flags: apps by name, files, a fixed list, or nothing. */
type Words = "apps" | "files" | "apps and files" | readonly string[];

/** Files are left to the shell: no candidates mean "files". */
const WORDS: Readonly<Record<string, Words>> = {
  start: "apps and files",
  stop: "apps",
  restart: "apps",
  reload: "apps and files",
  delete: "apps",
  scale: "apps",
  status: "apps",
  list: "apps",
  env: "apps",
  logs: "apps",
  flush: "apps",
  events: "apps",
  wait: "apps",
  signal: ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL"],
  completion: ["bash", "zsh", "fish"],
  queue: ["list", "peek", "retry", "purge"],
};

/** Values of flags, where they are few. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  "--for": ["ready", "stopped"],
  "--state": ["ready", "delayed", "leased", "dead"],
  "--output": ["json", "ndjson"],
  "-o": ["json", "ndjson"],
  "--log-level": ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
  "--platform": ["systemd", "openrc", "launchd"],
  "--format": ["mjs", "json", "ecosystem"],
  "--sticky": ["socket.io", "cookie", "ip", "header:", "query:"],
};

/**
 * Candidates for the last of `words`, which may be empty: subcommands, then flags, values and the names
 * of apps. `words` begin behind the program's name. `appNames` is asked only where apps can stand.
 */
export async function candidatesFor(
  words: readonly string[],
  commands: readonly CommandShape[],
  appNames: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const command = commands.find(({ name, aliases }) =>
    [name, ...aliases].includes(String(before[0])),
  );
  if (before.length === 0) return starting(current, commands.map(({ name }) => name).sort());
  if (!command) return [];
  const last = before.at(-1) ?? "";
  const isFirstWord = before.length === 1;
  const flag = isFirstWord ? undefined : command.flags.find(({ names }) => names.includes(last));
  if (flag?.takesValue) return starting(current, VALUES[last] ?? []);
  if (before.includes("--")) return [];
  if (current.startsWith("-")) {
    return starting(
      current,
      command.flags.flatMap(({ names }) => names.filter(isLong)),
    );
  }
  return starting(current, await wordsOf(command.name, before, appNames));
}

async function wordsOf(
  command: string,
  before: readonly string[],
  appNames: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const words = WORDS[command];
  if (words === undefined || words === "files") return [];
  // The first word of these is from a list; what follows is an app.
  const isFirst = before.slice(1).every((word) => word.startsWith("-"));
  if (typeof words !== "string") return isFirst ? words : command === "signal" ? appNames() : [];
  const names = await appNames();
  return words === "apps" && names.length > 0 ? [...names, "all"] : names;
}

function starting(prefix: string, all: readonly string[]): readonly string[] {
  return [...new Set(all)].filter((each) => each.startsWith(prefix));
}

function isLong(name: string): boolean {
  return name.startsWith("--");
}

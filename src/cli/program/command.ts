/** What all commands share: flags, and how an action's exit status gets out. */

import type { Command } from "commander";

/** Takes the exit status of the command that ran. */
export type Done = (status: number) => void;
export type Flags = Record<string, unknown>;

const OUTPUTS = "json|ndjson";

const TIMEOUT = "how long the answer may take; the work goes on after it";

/** Flags of every command that talks to a background supervisor. */
export function withHome(
  command: Command,
  outputs: string = OUTPUTS,
  timeout: string = TIMEOUT,
): Command {
  return command
    .option("--home <directory>", "the supervisor's folder; default HOLDFAST_HOME or ~/.holdfast")
    .option("--timeout <time>", timeout)
    .option("-o, --output <format>", `data on stdout: ${outputs}`)
    .option("--json", "the same as -o json")
    .option("-q, --quiet", "say nothing on stderr but errors")
    .option("--color", "colours although stdout is no terminal")
    .option("--no-color", "no colours");
}

/** Flags whose value commander chose by itself are told apart from those that were given. */
export function given(command: Command): Flags {
  const flags = command.opts<Flags>();
  const colorGiven = command.getOptionValueSource("color") === "cli";
  return { ...flags, colorGiven };
}

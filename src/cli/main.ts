/** From arguments to an exit status. Each command is a file of its own, loaded when it is used. */

import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { cliOptions } from "../config/describe.ts";
import { EXIT, HoldfastError } from "../errors.ts";
import { LOG_LEVELS } from "../logs/log.ts";

/** Runs the command line; resolves with the exit status. Never rejects for a fault of the user. */
export async function main(argv: readonly string[]): Promise<number> {
  let status: number = EXIT.done;
  const program = new Command("holdfast")
    .description("Run any Node app as a cluster that loses nothing.")
    .version(version())
    .exitOverride()
    .showHelpAfterError("(holdfast --help lists commands and options)");
  const run = program
    .command("run")
    .description("run an app in the foreground, one worker per CPU")
    .argument("<script>", "a file, a directory, or the command of an installed package")
    .argument("[args...]", "arguments of the app; put those that begin with a dash behind --")
    .action(async (script: string, args: string[], flags: Record<string, unknown>) => {
      const { runCommand } = await import("./commands/run.ts");
      status = await runCommand(script, args, flags);
    });
  for (const { flags, description, repeatable } of cliOptions()) {
    if (repeatable)
      run.option(flags, description, (value: string, all: string[] = []) => [...all, value]);
    else run.option(flags, description);
  }
  run.option("--log-level <level>", `the supervisor's own log: ${LOG_LEVELS.join(", ")}`, "info");
  run.option("--log-file <path>", "append all output to this file instead; SIGUSR2 opens it anew");
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    return explain(error);
  }
  return status;
}

/** Says what, why and what to do on stderr, and gives the exit status. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (!(error instanceof HoldfastError)) throw error;
  process.stderr.write(`error: ${error.message}\nfix: ${error.remedy}\ncode: ${error.code}\n`);
  return error.exitStatus;
}

function version(): string {
  // From dist/src/cli and from src/cli alike the package's folder is some levels up.
  for (const up of ["../../package.json", "../../../package.json"]) {
    try {
      const found = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")) as {
        name?: string;
        version?: string;
      };
      if (found.name === "holdfast" && found.version) return found.version;
    } catch {
      // The other layout.
    }
  }
  return "unknown";
}

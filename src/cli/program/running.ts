/** Commands that start, stop and change apps. */

import type { Command } from "commander";
import { cliOptions } from "../../config/describe.ts";
import { type Done, given, withHome } from "./command.ts";
import { writtenOut } from "./optional.ts";

const LOG_LEVELS = "fatal, error, warn, info, debug, trace, silent";

const METRICS = [
  "--metrics <[host:]port>",
  "answer /metrics, /healthz and /readyz over HTTP there; 127.0.0.1 unless a host is given",
] as const;

const HEIR = ["--heir", "have a standby process take over when the supervisor is killed"] as const;
const NO_HEIR = ["--no-heir", "have none from now on"] as const;

export function addRunning(program: Command, done: Done): void {
  program.commandsGroup("Run:");
  addRun(program, done);
  addStart(program, done);
  addTargets(program, done);
  addScale(program, done);
  addSupervisor(program, done);
}

/** The command line, with the values of an app's options that were left out. */
export function withValues(argv: readonly string[]): readonly string[] {
  const values = cliOptions().flatMap(({ optional }) => (optional === null ? [] : [optional]));
  return writtenOut(argv, values);
}

function addRun(program: Command, done: Done): void {
  const run = program
    .command("run")
    .description("run an app in the foreground, one worker per CPU")
    .argument(
      "<script>",
      "a file, a directory, the command of an installed package, or a configuration file",
    )
    .argument("[args...]", "arguments of the app; put those that begin with a dash behind --")
    .action(async (script: string, args: string[], flags: Record<string, unknown>) => {
      const { runCommand } = await import("../commands/run.ts");
      done(await runCommand(script, args, flags));
    });
  addAppOptions(run);
  addMetrics(run);
  run.option("--only <names>", "of a configuration file's apps only these, separated by commas");
  run.option("--log-level <level>", `the supervisor's own log: ${LOG_LEVELS}`, "info");
  run.option("--log-file <path>", "append all output to this file instead; SIGUSR2 opens it anew");
  run.option("--queue-folder <path>", "keep durable queues of the bus in this folder");
}

function addStart(program: Command, done: Done): void {
  const start = withHome(program.command("start").alias("up"))
    .description("have apps run in the background; returns when they are ready")
    .argument(
      "[words...]",
      "a script and its arguments, a configuration file, - for standard input, or known apps",
    )
    .action(async (words: string[], _flags: unknown, command: Command) => {
      const { startCommand } = await import("../commands/start.ts");
      done(await startCommand(words, given(command)));
    });
  addFileOptions(start);
  addAppOptions(start);
  addMetrics(start).option("--no-metrics", "end the admin server");
  addHeir(start);
}

function addTargets(program: Command, done: Done): void {
  const verbs = [
    ["stop", [], "drain and stop apps; they stay known"],
    ["restart", [], "stop and start workers, without overlap"],
    ["reload", [], "replace workers without losing a request; re-reads a file"],
    ["delete", ["del", "rm"], "stop apps and forget them"],
  ] as const;
  for (const [verb, aliases, description] of verbs) {
    const command = withHome(program.command(verb).aliases([...aliases]))
      .description(description)
      .argument("[targets...]", "names, name:slot, namespaces, patterns, files, or all")
      .action(async (words: string[], _flags: unknown, self: Command) => {
        const { targetsCommand } = await import("../commands/targets.ts");
        done(await targetsCommand(verb, words, given(self)));
      });
    addFileOptions(command);
    if (verb === "reload")
      command.option("--env <name>", "the env_<name> variables of the file", append);
  }
}

function addScale(program: Command, done: Done): void {
  withHome(program.command("scale"))
    .description("change the number of workers: scale api 4, scale api +1, scale api=max")
    .argument("<words...>")
    .allowUnknownOption()
    .action(async (words: string[], _flags: unknown, command: Command) => {
      const { scaleCommand } = await import("../commands/operate.ts");
      done(await scaleCommand(words, given(command)));
    });
}

function addSupervisor(program: Command, done: Done): void {
  const supervisor = program
    .command("supervisor")
    .description("run the background supervisor in the foreground, as a service manager wants it")
    .option("--home <directory>", "its folder; default HOLDFAST_HOME or ~/.holdfast")
    .option("--log-level <level>", LOG_LEVELS, "info")
    .option("--resume", "start what ran before although it was shut down")
    .option("--detached", "as `start` runs it")
    .option(...METRICS)
    .action(async (flags: Record<string, unknown>) => {
      const { supervisorCommand } = await import("../commands/supervisor.ts");
      done(await supervisorCommand(flags));
    });
  addHeir(supervisor);
}

function addMetrics(command: Command): Command {
  return command.option(...METRICS);
}

/** Both: without the first commander would take it for given. */
function addHeir(command: Command): void {
  command.option(...HEIR).option(...NO_HEIR);
}

/** The options of an app, from the table. */
function addAppOptions(command: Command): void {
  for (const { flags, description, repeatable } of cliOptions()) {
    if (repeatable) command.option(flags, description, append);
    else command.option(flags, description);
  }
}

function addFileOptions(command: Command): void {
  command
    .option("--only <names>", "of the file's apps only these, separated by commas")
    .option("--dry-run", "say what would change, and change nothing")
    .option("--prune", "also remove apps of the file that it no longer names")
    .option("--update-env", "apps inherit this shell's variables from now on");
}

function append(value: string, all: readonly string[] = []): readonly string[] {
  return [...all, value];
}

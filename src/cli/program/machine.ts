/** Commands about the supervisor, its state and the machine. */

import type { Command } from "commander";
import { type Done, given, withHome } from "./command.ts";

export function addMachine(program: Command, done: Done): void {
  program.commandsGroup("The supervisor and what should run:");
  withHome(program.command("save"))
    .description("write down what should run (every change does so by itself)")
    .action(async (_flags: unknown, command: Command) => {
      const { saveCommand } = await import("../commands/operate.ts");
      done(await saveCommand(given(command)));
    });
  withHome(program.command("resurrect"))
    .description("start what was written down, with a supervisor if none runs")
    .action(async (_flags: unknown, command: Command) => {
      const { resurrectCommand } = await import("../commands/operate.ts");
      done(await resurrectCommand(given(command)));
    });
  withHome(program.command("shutdown").alias("kill"))
    .description("stop all apps and end the supervisor; what ran stays written down")
    .action(async (_flags: unknown, command: Command) => {
      const { shutdownCommand } = await import("../commands/operate.ts");
      done(await shutdownCommand(given(command)));
    });
  withHome(program.command("upgrade"), "json", "how long it may take; the old one goes on after it")
    .description(
      "have this Holdfast become the supervisor; workers serve on, and no request is lost",
    )
    .action(async (_flags: unknown, command: Command) => {
      const { upgradeCommand } = await import("../commands/upgrade.ts");
      done(await upgradeCommand(given(command)));
    });
  withHome(program.command("validate"))
    .description("check a configuration file and say what it would run")
    .argument("[file]", "default: the one in the working directory; - for standard input")
    .option("--only <names>", "of the file's apps only these, separated by commas")
    .option("--env <name>", "the env_<name> variables of the file", (value: string) => [value])
    .action(async (file: string | undefined, _flags: unknown, command: Command) => {
      const { validateCommand } = await import("../commands/validate.ts");
      done(await validateCommand(file, given(command)));
    });
}
